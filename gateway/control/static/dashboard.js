"use strict";
// Shows what GET /admin/v1/events sends. Everything is put in as text, never as markup.
// fetch instead of EventSource, since the key goes in a header: a key in an address would end up in logs.

const main = document.getElementById("endpoints");
const connection = document.getElementById("connection");
const keyForm = document.getElementById("key-form");
const decisions = new Map(); // endpoint → {revision, entries}

function el(tag, text, className) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (className) node.className = className;
  return node;
}

function percent(fraction, signed) {
  if (fraction === null || fraction === undefined) return "–";
  return (signed && fraction > 0 ? "+" : "") + (100 * fraction).toFixed(1) + " %";
}

function size(row, value) { // a ratio is a factor; everything else is a share, or a logarithm of one
  if (value === null || value === undefined) return "–";
  return row.test === "ratio" ? value.toFixed(2) + " ×" : percent(value, true);
}

function headers() {
  const key = sessionStorage.getItem("driftgate-key");
  return key ? { authorization: "Bearer " + key } : {};
}

function bar(fraction, label) {
  const node = el("progress");
  node.max = 1;
  node.value = Math.max(0, Math.min(1, fraction || 0));
  node.setAttribute("aria-label", label);
  return node;
}

function signalTable(signals) {
  const table = el("table");
  const head = table.appendChild(el("thead")).appendChild(el("tr"));
  for (const title of ["signal", "source", "stable", "candidate", "drift", "limit", "n", "burn", "verdict"])
    head.append(el("th", title));
  const body = table.appendChild(el("tbody"));
  for (const row of signals.filter((each) => each.slice === "*" && (each.class !== "observe" || each.burn >= 0.5 ||
      each.verdict === "unmeasured"))) {
    const line = body.appendChild(el("tr"));
    const name = row.signal + (row.side === "lower" ? " (less)" : row.test === "points" ? "" : " (" + row.test + ")");
    line.append(el("td", name), el("td", row.source), el("td", percent(row.stable_rate)),
      el("td", percent(row.candidate_rate)), el("td", size(row, row.estimate)), el("td", size(row, row.limit)),
      el("td", String(row.n)));
    const burn = line.appendChild(el("td"));
    burn.append(bar(row.burn, "burn of " + row.signal), " " + Math.round(100 * row.burn) + " %");
    line.append(el("td", row.verdict.replace("_", " "), row.verdict));
  }
  return table;
}

function showRollout(box, rollout) {
  const stage = rollout.stages === undefined ? "" : " · stage " + (rollout.stage + 1) + " of " + rollout.stages;
  const line = box.appendChild(el("p"));
  line.append(el("span", rollout.phase.replace("_", " "), rollout.phase), stage + " · exposure ",
    bar(rollout.weight_bps / 10000, "exposure"), " " + rollout.weight_bps / 100 + " %",
    rollout.holding ? " · holds: " + rollout.holding.replaceAll("_", " ") : "");
  box.append(el("p", rollout.reason, "reason"));
  if (rollout.requests) {
    const counts = Object.entries(rollout.requests).map(([name, count]) => name + " " + count).join(" · ");
    box.append(el("p", rollout.id + " · " + counts, "quiet"));
  }
  if (rollout.signals && rollout.signals.length) box.append(signalTable(rollout.signals));
}

function showDecisions(box, endpoint) {
  const known = decisions.get(endpoint.name);
  if (!known || !known.entries.length) return;
  box.append(el("h3", "decisions"));
  const list = box.appendChild(el("ol"));
  list.reversed = true;
  for (const entry of known.entries) {
    const at = new Date(1000 * entry.at).toLocaleTimeString();
    list.append(el("li", at + " · " + entry.action.replaceAll("_", " ") + " → " + entry.weight_bps / 100 + " % · by " +
      entry.actor + " · " + entry.reason));
  }
}

async function loadDecisions(endpoint) {
  const revision = endpoint.rollout ? endpoint.rollout.revision : 0;
  const known = decisions.get(endpoint.name);
  if (known && known.revision === revision) return;
  decisions.set(endpoint.name, { revision, entries: known ? known.entries : [] });
  const path = "/admin/v1/endpoints/" + encodeURIComponent(endpoint.name) + "/audit?limit=12";
  const answer = await fetch(path, { headers: headers() });
  if (answer.ok) decisions.set(endpoint.name, { revision, entries: (await answer.json()).entries });
  else decisions.delete(endpoint.name);
}

async function show(state) {
  await Promise.all(state.endpoints.map(loadDecisions)).catch(() => {});
  connection.textContent = state.store_fault ? "Redis lost: " + state.store_fault : "live";
  main.replaceChildren(...state.endpoints.map((endpoint) => {
    const box = el("section");
    const arms = endpoint.rollout ? endpoint.rollout.stable + " → " + endpoint.rollout.candidate : endpoint.stable;
    box.append(el("h2", endpoint.name), el("p", arms + " · generation " + endpoint.generation, "quiet"));
    if (endpoint.fault) box.append(el("p", endpoint.fault, "harm"));
    if (endpoint.rollout) showRollout(box, endpoint.rollout);
    else box.append(el("p", "idle: everything on " + endpoint.stable));
    showDecisions(box, endpoint);
    return box;
  }));
}

async function follow() {
  const answer = await fetch("/admin/v1/events", { headers: headers(), cache: "no-store" });
  if (answer.status === 401 || answer.status === 403) {
    sessionStorage.removeItem("driftgate-key");
    connection.textContent = "this gateway wants a key with the role viewer or above";
    keyForm.hidden = false;
    return false;
  }
  if (!answer.ok) throw new Error("status " + answer.status);
  keyForm.hidden = true;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return true;
    text += value;
    const parts = text.split("\n\n");
    text = parts.pop();
    const data = parts.map((part) => part.split("\ndata: ")[1]).filter(Boolean).pop();
    if (data) await show(JSON.parse(data));
  }
}

async function run() {
  for (;;) {
    try {
      if (!(await follow())) return;
    } catch (error) {
      connection.textContent = "not connected (" + error.message + "); trying again";
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

keyForm.addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("driftgate-key", document.getElementById("key").value);
  run();
});

run();
