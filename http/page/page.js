// The live page: levels from the feed, figures from /v1/status. Draws at most twice a second, keeps at
// most ROWS_MAX rows: a busy chain must not heat up a phone.

import { keepFeed } from "./feed.js";

const ROWS_MAX = 200;
const ROWS_SHOWN = 40;
const DRAW_MS = 500;
const STATUS_MS = 2_000;
const SPARK_POINTS = 60; // two minutes

const byId = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en");
const rows = new Map(); // key -> { level, before, changedAt, drawn }
const spark = [];
let feed;
let paused = false;
let changed = false;

// ---------------------------------------------------------------- the feed

function openFeed() {
  feed?.close();
  const query = new URLSearchParams({ everyMs: String(DRAW_MS) });
  const form = new FormData(byId("filter"));
  for (const name of ["sku", "location"]) {
    const value = String(form.get(name)).trim();
    if (value !== "") query.append(name, value);
  }
  rows.clear();
  changed = true;
  pill("feed", "wait", "connecting");
  const lost = (pauseMs) => {
    const what = pauseMs === undefined ? "connection lost" : "no feed";
    const when = pauseMs === undefined ? "" : ` in ${pauseMs / 1000} s`;
    pill("feed", "bad", `${what}, trying again${when}`);
  };
  const heard = {
    hello: () => pill("feed", "good", "live"),
    level: take,
    reset: ({ reason }) => pill("feed", "warn", `some changes were missed (${reason})`),
  };
  feed = keepFeed(`/v1/live?${query}`, heard, lost);
}

function take(level) {
  const key = JSON.stringify([level.location, level.sku]);
  const known = rows.get(key);
  if (known !== undefined && level.version <= known.level.version) return;
  rows.delete(key); // to the end: the newest stand last
  rows.set(key, { level, before: known?.level.available, changedAt: Date.parse(level.updatedAt), fresh: true });
  if (rows.size > ROWS_MAX) rows.delete(rows.keys().next().value);
  changed = true;
}

function draw() {
  if (paused) return;
  const newest = [...rows.values()].slice(-ROWS_SHOWN).reverse();
  byId("empty").hidden = newest.length > 0;
  if (!changed) {
    for (const [i, row] of newest.entries()) {
      const cell = byId("rows").children[i]?.lastElementChild;
      if (cell) cell.textContent = ago(row.changedAt);
    }
    return;
  }
  changed = false;
  byId("rows").replaceChildren(...newest.map(rowElement));
}

function rowElement(row) {
  const { level, before } = row;
  const tr = document.createElement("tr");
  if (row.fresh) tr.className = "moved";
  row.fresh = false;
  const delta = before === undefined ? 0 : level.available - before;
  const available = cell(number.format(level.available), `n${level.available < 0 ? " over" : ""}`);
  if (delta !== 0) {
    const span = document.createElement("span");
    span.className = `delta ${delta > 0 ? "up" : "down"}`;
    span.textContent = `${delta > 0 ? "+" : "−"}${number.format(Math.abs(delta))}`;
    available.prepend(span);
  }
  const inbound = level.inTransit + level.onOrder;
  const sku = cell(level.sku, "");
  sku.title = level.sku;
  tr.append(
    sku,
    cell(level.location, "soft"),
    available,
    cell(number.format(level.reserved), level.reserved === 0 ? "n soft" : "n"),
    cell(number.format(level.onHand), "n"),
    cell(number.format(inbound), inbound === 0 ? "n soft" : "n"),
    cell(ago(row.changedAt), "n soft"),
  );
  return tr;
}

function cell(text, className) {
  const td = document.createElement("td");
  td.textContent = text;
  if (className !== "") td.className = className;
  return td;
}

function ago(ms) {
  const s = Math.max(0, Math.round((Date.now() - ms) / 1000));
  if (s < 2) return "now";
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 172800) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} d`;
}

// ---------------------------------------------------------------- the figures

async function readStatus() {
  try {
    const answer = await fetch("/v1/status");
    if (!answer.ok) throw new Error(String(answer.status));
    show(await answer.json());
  } catch {
    pill("ready", "bad", "the edge does not answer");
  }
}

function notReady({ parts }) {
  if (!parts.nats.ok) return "the log is away";
  return parts.topology.ok ? "shards without an owner" : "another log: start the edge again";
}

function show(status) {
  const { shards } = status;
  if (status.ready) pill("ready", "good", "ready");
  else pill("ready", "bad", notReady(status));
  byId("decisions").textContent = short(status.commandsPerSecond);
  byId("edge-decisions").firstChild.textContent = `${short(status.decisionsPerSecond)} by this edge`;
  const isAsked = status.decisionsPerSecond > 0;
  byId("p50").textContent = isAsked ? millis(status.decisionMs.p50) : "–";
  byId("p99").textContent = isAsked ? millis(status.decisionMs.p99) : "–";
  byId("levels").textContent = short(status.levelsPerSecond);
  drawSpark(status.levelsPerSecond);
  byId("parts").replaceChildren(
    ...Object.entries({ NATS: status.parts.nats, Postgres: status.parts.postgres, Redis: status.parts.redis }).map(
      ([name, part]) => {
        const li = document.createElement("li");
        li.dataset.ok = String(part.ok);
        if (part.detail) li.title = part.detail;
        li.append(span("name", name), span("ms", part.ok ? `${millis(part.latencyMs ?? 0)} ms` : "away"));
        return li;
      },
    ),
  );
  byId("shards-text").textContent = `${shards.owned} of ${shards.total} at work`;
  byId("shards").replaceChildren(
    ...shards.list.slice(0, 64).map((shard) => {
      const li = document.createElement("li");
      li.textContent = String(shard.shard);
      li.dataset.state = stateOf(shard);
      li.title =
        shard.owner === undefined
          ? "nobody works on it"
          : `${shard.owner}: ${shard.halted ?? shard.state}, ${shard.lag ?? 0} entries behind`;
      return li;
    }),
  );
}

function stateOf({ owner, state, lag }) {
  if (owner === undefined || state === "halted") return "none";
  return state !== "running" || (lag ?? 0) > 1000 ? "behind" : "ok";
}

function span(className, text) {
  const element = document.createElement("span");
  element.className = className;
  element.textContent = text;
  return element;
}

function drawSpark(value) {
  spark.push(value);
  if (spark.length > SPARK_POINTS) spark.shift();
  const top = Math.max(1, ...spark);
  const x = (i) => 240 - ((spark.length - 1 - i) * 240) / (SPARK_POINTS - 1);
  const points = spark.map((v, i) => `${x(i).toFixed(1)},${(42 - (v / top) * 34).toFixed(1)}`);
  byId("spark-line").setAttribute("d", `M${points.join("L")}`);
  byId("spark-area").setAttribute("d", `M${x(0).toFixed(1)},44L${points.join("L")}L240,44Z`);
}

function short(value) {
  if (value >= 10_000) return `${(value / 1000).toFixed(1)}k`;
  return number.format(value >= 10 ? Math.round(value) : Math.round(value * 10) / 10);
}

function millis(value) {
  return value >= 100 ? String(Math.round(value)) : value.toFixed(value >= 10 ? 1 : 2);
}

function pill(id, state, text) {
  const element = byId(id);
  element.dataset.state = state;
  element.textContent = text;
}

// ---------------------------------------------------------------- controls

byId("filter").addEventListener("submit", (event) => {
  event.preventDefault();
  openFeed();
});
byId("pause").addEventListener("click", (event) => {
  paused = !paused;
  event.target.setAttribute("aria-pressed", String(paused));
  event.target.textContent = paused ? "Go on" : "Pause";
});
byId("theme").addEventListener("click", () => {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = document.documentElement.dataset.theme ?? (dark ? "dark" : "light");
  setTheme(now === "dark" ? "light" : "dark");
});

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("onhand-theme", theme);
  } catch {
    // Storage is not allowed here: the choice lasts for this visit.
  }
}

function savedTheme() {
  try {
    return localStorage.getItem("onhand-theme");
  } catch {
    return null;
  }
}

const theme = savedTheme();
if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
byId("curl").textContent =
  `curl ${location.origin}/v1/commands -H 'content-type: application/json' \\\n` +
  `  -d '{"type":"receipt","sku":"SKU-1094-MD","location":"store-3","qty":50}'`;
openFeed();
readStatus();
setInterval(draw, DRAW_MS);
setInterval(readStatus, STATUS_MS);
