"use strict";
// The charts of a rollout's page, drawn by uPlot. Numbers come in their units; colours from the style sheet, so that they
// follow the scheme. What a chart shows is also in the tables: a canvas says nothing to a screen reader but its label.

const source = document.querySelector("[data-charts]");
const PALETTE = ["#3b82d6", "#d9760b", "#1f9d6b", "#b4508f", "#8a6fe0", "#c2410c", "#0e8fa3", "#7a8796"]; // apart for the colour-blind too
const DASHES = [[], [6, 3], [2, 2], [8, 3, 2, 3]];
const plots = new Map(); // element id → uPlot
const samples = { rollout: "", step: 0, at: [], target: [], actual: [], tests: new Map() };

function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim(); }
function faded(value, alpha) { // #rrggbb with an alpha
  return value + Math.round(alpha * 255).toString(16).padStart(2, "0");
}

// ── the samples ──────────────────────────────────────────────────────────────────────────────────────────────────────

function take(fresh) {
  if (fresh.rollout !== samples.rollout || fresh.whole) {
    Object.assign(samples, { rollout: fresh.rollout, at: [], target: [], actual: [] });
    samples.tests = new Map();
  }
  samples.step = fresh.step_seconds;
  const first = fresh.at.length ? samples.at.findIndex((at) => at >= fresh.at[0]) : -1;
  const keep = first < 0 ? samples.at.length : first; // the newest sample may have been replaced
  for (const name of ["at", "target", "actual"]) samples[name] = samples[name].slice(0, keep).concat(fresh[name]);
  for (const test of fresh.tests) {
    const known = samples.tests.get(test.key);
    for (const name of ["estimate", "low", "high", "burn", "n"]) {
      const past = known ? known[name].slice(0, keep) : [];
      while (past.length < keep) past.push(null);
      test[name] = past.concat(test[name]);
    }
    samples.tests.set(test.key, test);
  }
}

async function refresh() {
  if (document.hidden) return;
  const before = samples.at.length > 1 ? samples.at[samples.at.length - 2] : 0;
  const asked = samples.at.length > 1 ? (source.dataset.charts.includes("?") ? "&" : "?") + "after=" + (before + 0.005) + "&step=" + samples.step : "";
  const answer = await fetch(source.dataset.charts + asked, { cache: "no-store" });
  if (!answer.ok) throw new Error("the charts' numbers: " + answer.status);
  const fresh = await answer.json();
  if (!fresh.rollout) return;
  if (fresh.rollout !== samples.rollout && samples.rollout && !fresh.whole) { samples.at = []; samples.rollout = ""; return refresh(); }
  take(fresh);
  draw();
  shapes(fresh.shapes);
}

// ── drawing ──────────────────────────────────────────────────────────────────────────────────────────────────────────

function axis(extra) {
  return Object.assign({ stroke: colour("quiet"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1 },
    font: "12px system-ui, sans-serif" }, extra);
}
function clock(_, splits) { // 24 hours, as fine as the ticks are apart
  const apart = splits.length > 1 ? splits[1] - splits[0] : 60;
  const options = apart >= 86400 ? { month: "short", day: "numeric" }
    : { hour: "2-digit", minute: "2-digit", second: apart < 60 ? "2-digit" : undefined, hour12: false };
  return splits.map((at) => new Date(1000 * at).toLocaleString(undefined, options));
}
function times() { return axis({ values: clock, space: 85, incrs: [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400, 172800, 604800] }); }
function unit(suffix) { return (_, splits) => splits.map((value) => (Math.abs(value) < 1e-9 ? 0 : +value.toPrecision(4)) + " " + suffix); }

function plot(id, label, options, data) {
  const holder = document.getElementById(id);
  const width = Math.max(200, holder.clientWidth), height = options.height;
  const old = plots.get(id);
  if (old && old.shape === options.shape) {
    if (old.chart.width !== width) old.chart.setSize({ width, height });
    old.chart.setData(data);
  } else {
    if (old) old.chart.destroy();
    options.width = width;
    options.legend = { show: false };
    options.cursor = Object.assign({ points: { size: 6 } }, options.cursor);
    plots.set(id, { chart: new uPlot(options, data, holder), shape: options.shape });
  }
  holder.setAttribute("role", "img");
  holder.setAttribute("aria-label", label);
}

function key(holder, entries) { // a legend as text, with the line's own look
  let list = holder.parentNode.querySelector(".key");
  if (!list) { list = document.createElement("ul"); list.className = "key"; holder.after(list); }
  list.replaceChildren(...entries.map(([words, stroke, dash]) => {
    const item = document.createElement("li");
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
    for (const [name, value] of Object.entries({ width: 22, height: 8, "aria-hidden": "true" })) svg.setAttribute(name, value);
    for (const [name, value] of Object.entries({ x1: 0, x2: 22, y1: 4, y2: 4, stroke, "stroke-width": 2.5 })) line.setAttribute(name, value);
    if (dash && dash.length) line.setAttribute("stroke-dasharray", dash.join(" "));
    svg.append(line);
    item.append(svg, words);
    return item;
  }));
}

const last = (values) => { for (let i = values.length - 1; i >= 0; i--) if (values[i] !== null) return values[i]; return null; };
const shown = (value, suffix) => value === null ? "–" : (value < 0 ? "−" : "+") + Math.abs(value).toFixed(1) + " " + suffix;

function exposure() {
  const stable = colour("stable"), candidate = colour("candidate");
  plot("chart-exposure", "Exposure over time: target " + last(samples.target) + " %, served lately " + last(samples.actual) + " %", {
    shape: "exposure", height: 220, scales: { y: { range: [0, 102] } },
    axes: [times(), axis({ values: unit("%"), size: 56 })],
    series: [{}, { stroke: stable, width: 2, paths: uPlot.paths.stepped({ align: 1 }), points: { show: false }, fill: faded(stable, 0.1) },
      { stroke: candidate, width: 2, spanGaps: true, points: { show: false } }],
  }, [samples.at, samples.target, samples.actual]);
  key(document.getElementById("chart-exposure"), [["target", stable], ["served, over the last seconds", candidate]]);
}

function burn() {
  const tests = [...samples.tests.values()];
  const bySignal = new Map();
  for (const test of tests) { // of each signal the test that burns most, at each moment
    const line = bySignal.get(test.signal) || samples.at.map(() => null);
    test.burn.forEach((value, i) => { if (value !== null) line[i] = Math.max(value, line[i] === null ? 0 : line[i]); });
    bySignal.set(test.signal, line);
  }
  const names = [...bySignal.keys()];
  const bad = colour("bad");
  plot("chart-burn", "Burn over time: " + names.map((name) => name + " " + last(bySignal.get(name)) + " %").join(", "), {
    shape: "burn " + names.join(), height: 220, scales: { y: { range: [0, 104] } },
    axes: [times(), axis({ values: unit("%"), size: 56 })],
    series: [{}, { stroke: bad, width: 1.5, dash: [4, 3], points: { show: false } },
      ...names.map((_, i) => ({ stroke: PALETTE[i % 8], width: 2, dash: DASHES[i >> 3] || [], points: { show: false }, spanGaps: true }))],
  }, [samples.at, samples.at.map(() => 100), ...names.map((name) => bySignal.get(name))]);
  key(document.getElementById("chart-burn"), [["rolls back", bad, [4, 3]], ...names.map((name, i) => [name, PALETTE[i % 8], DASHES[i >> 3]])]);
}

function figure(id, place) {
  let chart = document.getElementById(id);
  if (chart) return chart;
  const box = document.createElement("figure");
  box.className = "card";
  box.append(document.createElement("figcaption"), Object.assign(document.createElement("div"), { className: "chart", id }));
  for (const quiet of place.querySelectorAll("p.quiet")) quiet.remove();
  place.append(box);
  return document.getElementById(id);
}

function caption(chart, words, now) {
  const title = chart.parentNode.querySelector("figcaption");
  title.replaceChildren(words, " ", Object.assign(document.createElement("span"), { className: "now", textContent: now }));
}

function bands() { // one chart for each signal and source, its limits on both sides where there are two
  const groups = new Map();
  for (const test of samples.tests.values()) {
    if (test.test !== "points") continue;
    const group = test.signal + " · " + test.source;
    groups.set(group, [...(groups.get(group) || []), test]);
  }
  const holder = document.getElementById("bands");
  const wanted = new Set();
  for (const [group, tests] of groups) {
    const test = tests[0], id = "band-" + test.key.replaceAll(/[^a-z0-9]+/gi, "-");
    if (last(test.estimate) === null) continue;
    wanted.add(id);
    const chart = figure(id, holder);
    const limits = tests.map((each) => each.limit), bad = colour("bad"), ink = colour("accent");
    const reach = Math.max(...limits.map(Math.abs)) * 2.2;
    caption(chart, group, shown(last(test.estimate), test.unit) + ", n " + last(test.n));
    plot(id, group + ": drift " + shown(last(test.estimate), test.unit) + ", interval " + shown(last(test.low), test.unit) + " to " +
      shown(last(test.high), test.unit) + ", limit " + limits.map((each) => shown(each, test.unit)).join(" and "), {
      shape: "band " + limits.length, height: 150, scales: { y: { range: [-reach, reach] } },
      axes: [times(), axis({ values: unit(test.unit), size: 62 })],
      series: [{}, { stroke: faded(ink, 0.45), width: 1, points: { show: false } }, { stroke: faded(ink, 0.45), width: 1, points: { show: false } },
        { stroke: ink, width: 2.2, points: { show: false } }, { stroke: faded(colour("quiet"), 0.7), width: 1, points: { show: false } },
        ...limits.map(() => ({ stroke: bad, width: 1.5, dash: [4, 3], points: { show: false } }))],
      bands: [{ series: [2, 1], fill: faded(ink, 0.16) }],
    }, [samples.at, test.low.map((v) => v === null ? null : Math.max(v, -reach * 3)), test.high.map((v) => v === null ? null : Math.min(v, reach * 3)), test.estimate,
      samples.at.map(() => 0), ...limits.map((limit) => samples.at.map(() => limit))]);
  }
  for (const box of [...holder.children]) {
    const chart = box.querySelector(".chart");
    if (chart && !wanted.has(chart.id)) { plots.get(chart.id)?.chart.destroy(); plots.delete(chart.id); box.remove(); }
  }
}

const whole = (value) => value === null ? "–" : Math.round(value).toLocaleString();
const SHAPE_NAMES = { length: "Length of answers", ttft: "Time to first byte" };

function shapes(all) {
  const holder = document.getElementById("shapes");
  const stable = colour("stable"), candidate = colour("candidate");
  for (const shape of all || []) {
    const id = "shape-" + shape.signal, chart = figure(id, holder);
    const medians = "median " + whole(shape.stable_median) + " / " + whole(shape.candidate_median) + " " + shape.unit;
    caption(chart, SHAPE_NAMES[shape.signal] || shape.signal, medians);
    const step = uPlot.paths.stepped({ align: 1 });
    plot(id, (SHAPE_NAMES[shape.signal] || shape.signal) + ", stable and candidate: " + medians, {
      shape: "shape", height: 200, scales: { x: { time: false, distr: 3, log: 10 }, y: { range: (_, __, most) => [0, most * 1.1 || 1] } },
      axes: [axis({ values: (_, splits) => splits.map((v) => v === null ? "" : v >= 1000 ? v / 1000 + "k" : +v.toPrecision(3)) }), axis({ values: unit("%"), size: 56 })],
      series: [{}, { stroke: stable, width: 2, fill: faded(stable, 0.14), paths: step, points: { show: false } },
        { stroke: candidate, width: 2, fill: faded(candidate, 0.14), paths: step, points: { show: false } }],
    }, [shape.edges, [...shape.stable, 0], shape.candidate_n ? [...shape.candidate, 0] : shape.edges.map(() => null)]);
    key(chart, [["stable, n " + shape.stable_n.toLocaleString(), stable], ["candidate, n " + shape.candidate_n.toLocaleString(), candidate]]);
  }
}

function draw() {
  if (!samples.at.length) return;
  exposure();
  burn();
  bands();
}

function again() { // sizes or colours have changed
  for (const { chart } of plots.values()) chart.destroy();
  plots.clear();
  samples.at = [];
  refresh().catch(() => {});
}

if (source) {
  let timer = 0;
  new ResizeObserver(() => { clearTimeout(timer); timer = setTimeout(draw, 150); }).observe(source);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
  document.addEventListener("DOMContentLoaded", () => { window.driftgateAfterLook(refresh); refresh().catch(() => {}); });
}
