// Demand windows reckoned anew from all ledger rows, slowly and plainly: what the projection is judged by. It
// shares no code with it, and knows zones of a fixed offset only.
import type { LedgerRow } from "../../../../../actors/runtime/ledger_row.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 1_440 * MINUTE_MS;
const OUT_MS_MAX = 90 * DAY_MS;

export type NaivePlace = {
  /** Hours ahead of UTC. */
  offsetHours: number;
  /** Open hours by weekday, Monday first; an empty list is closed. In minutes of the day. */
  week: readonly (readonly [number, number][])[];
};

export type NaiveWindow = {
  demand: number;
  lost: number;
  orders: number;
  largest: number;
  returns: number;
  transfers: number;
  counts: number;
  minutesOpen: number;
  outMs: number | null;
};

type Line = { row: LedgerRow; left: number };
type Key = { lines: Line[]; rows: LedgerRow[] };

/** Windows by `location/sku/local day`. `closedTo` tells up to when the time out of stock was counted. */
export function naiveWindows(
  rows: readonly LedgerRow[],
  places: Record<string, NaivePlace>,
  closedTo: (location: string) => number,
): Map<string, NaiveWindow> {
  const windows = new Map<string, NaiveWindow>();
  const keys = new Map<string, Key>();
  const place = (location: string) => places[location] ?? UTC;
  const dayOf = (location: string, at: number) =>
    Math.floor((at + place(location).offsetHours * 3_600_000) / DAY_MS);
  const windowAt = (location: string, sku: string, day: number): NaiveWindow => {
    const name = `${location}/${sku}/${new Date(day * DAY_MS).toISOString().slice(0, 10)}`;
    let window = windows.get(name);
    if (window === undefined) {
      const [from, to] = spanOf(place(location), day);
      const minutesOpen = openMs(place(location), day, from, to) / MINUTE_MS;
      window = { ...EMPTY, minutesOpen };
      windows.set(name, window);
    }
    return window;
  };
  const sorted = [...rows].sort(
    (a, b) => a.seq - b.seq || a.index - b.index || a.ordinal - b.ordinal,
  );
  for (const row of sorted) {
    const name = JSON.stringify([row.location, row.sku]);
    const key = keys.get(name) ?? { lines: [], rows: [] };
    keys.set(name, key);
    key.rows.push(row);
    tellRow(row, key, (at) => windowAt(row.location, row.sku, dayOf(row.location, at)));
  }
  for (const { lines } of keys.values()) {
    for (const { row, left } of lines) {
      const window = windowAt(row.location, row.sku, dayOf(row.location, row.at));
      window.largest = Math.max(window.largest, left);
    }
  }
  for (const [name, { rows: ofKey }] of keys) {
    const [location, sku] = JSON.parse(name) as [string, string];
    if (location === "-") continue;
    const { knownMs, spans } = outSpans(ofKey, closedTo(location));
    if (knownMs === undefined) continue;
    for (const [from, to] of spans) {
      for (let day = dayOf(location, from); day <= dayOf(location, to - 1); day++) {
        const [start, end] = spanOf(place(location), day);
        const ms = openMs(place(location), day, Math.max(from, start), Math.min(to, end));
        if (ms === 0) continue;
        const window = windowAt(location, sku, day);
        window.outMs = (window.outMs ?? 0) + ms;
      }
    }
    // Windows that end after the stock became known say something, if only 0.
    for (const [windowName, window] of windows) {
      if (!windowName.startsWith(`${location}/${sku}/`)) continue;
      const day = Date.parse(windowName.slice(-10)) / DAY_MS;
      if (spanOf(place(location), day)[1] > knownMs) window.outMs ??= 0;
    }
  }
  return windows;
}

const UTC: NaivePlace = { offsetHours: 0, week: Array.from({ length: 7 }, () => [[0, 1_440]]) };
const EMPTY: NaiveWindow = {
  demand: 0,
  lost: 0,
  orders: 0,
  largest: 0,
  returns: 0,
  transfers: 0,
  counts: 0,
  minutesOpen: 0,
  outMs: null,
};

function spanOf({ offsetHours }: NaivePlace, day: number): [number, number] {
  const start = day * DAY_MS - offsetHours * 3_600_000;
  return [start, start + DAY_MS];
}

function openMs(place: NaivePlace, day: number, from: number, to: number): number {
  const [start] = spanOf(place, day);
  // 1970-01-01 was a Thursday.
  const hours = place.week[(day + 3) % 7] ?? [];
  let ms = 0;
  for (const [opens, closes] of hours) {
    const a = Math.max(from, start + opens * MINUTE_MS);
    const b = Math.min(to, start + closes * MINUTE_MS);
    if (b > a) ms += b - a;
  }
  return ms;
}

function tellRow(row: LedgerRow, key: Key, windowAt: (at: number) => NaiveWindow): void {
  const applied = row.outcome === "applied";
  const own = row.cause === "command";
  const undone = own && row.type === "void" && applied ? undoneBy(row, key) : undefined;
  if (row.lost !== 0) windowAt(row.at).lost += row.lost;
  if (row.demand > 0) {
    const order = row.hold === null ? 0 : netOf(key, row.hold);
    const window = windowAt(row.at);
    window.demand += row.demand;
    if (order <= 0) window.orders += 1;
    key.lines.push({ row, left: row.demand });
  } else if (row.demand < 0) {
    takeBack(row, undone, key, windowAt);
  }
  if (!applied) return;
  if (own && row.type === "return") windowAt(row.at).returns += row.qty ?? 0;
  if (own && (row.type === "ship" || row.type === "arrive"))
    windowAt(row.at).transfers += row.deltaSellable;
  if (row.type === "count" || row.type === "adjust" || row.cause === "countCorrection")
    windowAt(row.at).counts += row.deltaSellable;
  if (undone === undefined) return;
  const window = windowAt(row.at);
  if (undone.type === "return") window.returns += row.deltaSellable + row.deltaBucket;
  if (undone.type === "adjust") window.counts += row.deltaSellable;
}

function undoneBy(row: LedgerRow, key: Key): LedgerRow | undefined {
  const { of } = JSON.parse(row.extra ?? "{}") as { of?: string };
  return key.rows
    .slice(0, -1)
    .findLast((one) => one.id === of && one.cause === "command" && one.outcome === "applied");
}

/** Units a hold's rows made so far, without the present one. */
function netOf(key: Key, hold: string): number {
  return key.rows
    .slice(0, -1)
    .filter((row) => row.hold === hold)
    .reduce((sum, row) => sum + row.demand, 0);
}

function takeBack(
  row: LedgerRow,
  undone: LedgerRow | undefined,
  key: Key,
  windowAt: (at: number) => NaiveWindow,
): void {
  const line =
    undone === undefined
      ? key.lines.findLast((one) => one.row.hold === row.hold)
      : key.lines.find((one) => one.row === undone);
  const hold = undone === undefined ? row.hold : undone.hold;
  const before = hold === null ? (line?.row.demand ?? 0) : netOf(key, hold);
  const window = windowAt(line?.row.at ?? row.at);
  window.demand += row.demand;
  if (before > 0 && before + row.demand <= 0) window.orders -= 1;
  if (line !== undefined) line.left += row.demand;
}

/** Times at which a key was out of stock, from when its stock was first known. */
function outSpans(rows: readonly LedgerRow[], closedTo: number) {
  const spans: [number, number][] = [];
  let knownMs: number | undefined;
  let since = Number.NEGATIVE_INFINITY;
  let isOut = false;
  for (const row of rows) {
    if (row.outcome !== "applied") continue;
    const isCount = row.type === "count" && row.bucket === null;
    if (row.deltaSellable === 0 && row.deltaReserved === 0 && !isCount) continue;
    const supplies = row.cause === "command" && ["count", "receipt", "arrive"].includes(row.type);
    if (knownMs === undefined && !supplies) continue;
    const at = Math.max(since, row.at);
    if (knownMs === undefined) knownMs = at;
    else if (isOut) spans.push([since, Math.min(at, since + OUT_MS_MAX)]);
    since = at;
    isOut = row.sellable - row.reserved <= 0;
  }
  if (isOut) spans.push([since, Math.min(Math.max(closedTo, since), since + OUT_MS_MAX)]);
  return { knownMs, spans: spans.filter(([from, to]) => from < to) };
}
