"use strict";
// Keeps a page fresh and sends its commands. The server writes the pages: what is marked `data-live` is fetched anew and
// replaced where it differs, so nothing is ever built out of strings here. The event stream says when to look; where it
// is dead the page looks every few seconds and says so.

const POLL_MS = 4000;      // without the event stream
const LEAST_MS = 1000;     // between two looks, however fast things change
const SILENT_MS = 20000;   // a stream that says nothing for so long is dead: comments come every 15 s
const badge = document.getElementById("connection");
const listeners = [];      // called after each refresh
let lastLook = 0, looking = false, wanted = false, lastHeard = 0, stream = null, lostSince = null;

function say(state, symbol, text) {
  if (badge.dataset.state === state && badge.lastChild.textContent === text) return;
  badge.dataset.state = state;
  badge.replaceChildren(Object.assign(document.createElement("span"), { textContent: symbol, ariaHidden: "true" }), " ",
    Object.assign(document.createElement("span"), { textContent: text }));
}

function local(root) { // times in the reader's own zone; the server's UTC stays as the tooltip
  for (const node of root.querySelectorAll("time:not([title])")) {
    const at = new Date(node.dateTime);
    node.title = node.textContent;
    const today = at.toDateString() === new Date().toDateString();
    node.textContent = today ? at.toLocaleTimeString() : at.toLocaleString();
  }
}

function replace(fresh) {
  for (const old of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(old.id);
    if (!next || old.dataset.held) continue;
    local(next);
    if (next.innerHTML === old.innerHTML && next.className === old.className) continue;
    const open = [...old.querySelectorAll("details[open]")].map((each) => each.id);
    const focus = old.contains(document.activeElement) ? place(old, document.activeElement) : null;
    const said = text(old);
    old.className = next.className;
    old.replaceChildren(...next.childNodes);
    for (const id of open) { const details = id && document.getElementById(id); if (details) details.open = true; }
    if (focus) { const again = old.querySelectorAll(focus.tag)[focus.index]; if (again) again.focus({ preventScroll: true }); }
    if (text(old) && text(old) !== said && pill(old) !== spoken) { spoken = pill(old); announce(spoken + ". " + text(old)); }
  }
}

let spoken = pill(document);
function text(root) { const node = root.querySelector("[data-announce]"); return node ? node.textContent.trim() : ""; }
function pill(root) { const node = root.querySelector(".pill"); return node ? node.textContent.trim() : ""; }
function place(root, node) { const tag = node.tagName; return { tag, index: [...root.querySelectorAll(tag)].indexOf(node) }; }
function announce(words) { document.getElementById("announce").textContent = words; }

async function look() {
  if (looking) { wanted = true; return; }
  looking = true;
  wanted = false;
  try {
    const answer = await fetch(location.href, { cache: "no-store", redirect: "manual" });
    if (answer.type === "opaqueredirect" || answer.status === 401) { location.reload(); return; }
    if (!answer.ok) throw new Error("the gateway answers " + answer.status);
    replace(new DOMParser().parseFromString(await answer.text(), "text/html"));
    await Promise.all(listeners.map((each) => each()));
    lostSince = null;
    if (alive()) say("live", "●", "live"); else say("polling", "◍", "event stream lost; looking every " + POLL_MS / 1000 + " s");
  } catch (error) {
    lostSince = lostSince || new Date();
    say("lost", "✖", "not connected since " + lostSince.toLocaleTimeString() + "; trying again");
  } finally {
    looking = false;
    lastLook = Date.now();
    if (wanted) setTimeout(look, LEAST_MS);
  }
}

function alive() { return stream !== null && stream.readyState === EventSource.OPEN && Date.now() - lastHeard < SILENT_MS; }

function listen() {
  if (stream) stream.close();
  stream = new EventSource("/admin/v1/events");
  lastHeard = Date.now();
  stream.onopen = () => { lastHeard = Date.now(); look(); };
  stream.addEventListener("state", () => {
    lastHeard = Date.now();
    if (looking) wanted = true;
    else setTimeout(() => { if (!looking && Date.now() - lastLook >= LEAST_MS) look(); }, Math.max(0, lastLook + LEAST_MS - Date.now()));
  });
  stream.addEventListener("still", () => { lastHeard = Date.now(); });
}

function start() {
  local(document);
  listen();
  setInterval(() => {
    if (document.hidden) return;
    if (!alive()) { if (stream.readyState === EventSource.CLOSED || Date.now() - lastHeard > SILENT_MS) listen(); look(); }
  }, POLL_MS);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
}

// ── commands ────────────────────────────────────────────────────────────────────────────────────────────────────────

const said = Object.assign(document.createElement("p"), { id: "said", hidden: true });
said.setAttribute("role", "status");
document.body.append(said);
let saidTimer = 0;
function tell(words) {
  said.textContent = words;
  said.hidden = false;
  clearTimeout(saidTimer);
  saidTimer = setTimeout(() => { said.hidden = true; }, 12000);
}

function body(form) {
  const values = {};
  for (const input of form.querySelectorAll("input[name]")) {
    if (input.type === "hidden") values[input.name] = JSON.parse(input.value);
    else if (input.value.trim()) values[input.name] = input.value.trim();
  }
  return values;
}

function outcome(answer) {
  if (answer.durability) {
    const safe = answer.durability;
    const pending = safe.workers.pending.length ? ", waiting for " + safe.workers.pending.join(", ") : "";
    return "Rolled back: " + safe.state + ". Journal " + safe.journal + ", Redis " + safe.redis + ", " +
      safe.workers.acknowledged + " workers acknowledged" + pending + ".";
  }
  if (answer.notes && answer.notes.length && !answer.rollout) return "Done: " + answer.notes.join("; ");
  return answer.rollout ? "Done: " + answer.rollout.phase.replace("_", " ") + ", " + answer.rollout.reason : "Done.";
}

async function send(form) {
  const button = form.querySelector("[type=submit]");
  const error = form.querySelector(".error");
  const named = form.querySelector("[data-name]");
  error.hidden = true;
  if (named && named.value.trim() !== named.dataset.name) {
    error.textContent = "Type " + named.dataset.name + " to confirm.";
    error.hidden = false;
    named.focus();
    return;
  }
  button.disabled = true;
  try {
    const answer = await fetch(form.dataset.command, {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body(form)),
    });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.detail || "the gateway answers " + answer.status);
    form.closest("dialog").close();
    form.reset();
    tell(outcome(told));
    look();
  } catch (failure) {
    error.textContent = failure.message;
    error.hidden = false;
  } finally {
    button.disabled = false;
  }
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener) document.getElementById(opener.dataset.dialog).showModal();
  const closer = event.target.closest("[data-close]");
  if (closer) closer.closest("dialog").close();
});
document.addEventListener("submit", (event) => {
  if (!event.target.dataset.command) return;
  event.preventDefault();
  send(event.target);
});

window.driftgateLook = look;
window.driftgateAfterLook = (listener) => { listeners.push(listener); };
start();
