"use strict";
// One key for each label. Whose answer was whose is told after the label, and the last one can be said again. A pair that
// waits for its label is held: the page's refresh must not put another one under somebody's finger.

const section = document.getElementById("review");
const takeBack = document.getElementById("take-back");
let sending = false, done = null, last = null; // the last pair that was labelled, as it stood on the page

function show(words) {
  const said = document.getElementById("said");
  said.textContent = words;
  said.hidden = false;
}

function hold() { // but not the pair that has its label, which is to make room for the next
  const pair = section.querySelector("[data-pair]");
  if (pair && pair.dataset.pair !== done) section.dataset.held = "yes"; else delete section.dataset.held;
}

async function label(article, refused) {
  if (sending) return;
  sending = true;
  try {
    const path = "/admin/v1/endpoints/" + section.dataset.endpoint + "/review/" + encodeURIComponent(article.dataset.pair);
    const answer = await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ refused }) });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.detail || "the gateway answers " + answer.status);
    show("Refuses: " + refused + ". The first was " + told.first + ", the second " + told.second + ".");
    last = article.cloneNode(true);
    takeBack.hidden = false;
    done = article.dataset.pair;
    hold();
    await window.driftgateLook();
  } catch (failure) {
    show(failure.message);
  } finally {
    sending = false;
  }
}

function again() {
  if (!last) return;
  const waiting = section.querySelector("[data-pair]");
  if (waiting) waiting.before(last); else section.append(last);
  if (waiting) waiting.remove();
  takeBack.hidden = true;
  last = done = null;
  hold();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-refused]");
  if (button) label(button.closest("[data-pair]"), button.dataset.refused);
});
takeBack.addEventListener("click", again);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
  if (event.key === "z") again();
  const button = section.querySelector('[data-key="' + CSS.escape(event.key) + '"]');
  if (button) { event.preventDefault(); label(button.closest("[data-pair]"), button.dataset.refused); }
});
hold();
window.driftgateAfterLook(hold);
