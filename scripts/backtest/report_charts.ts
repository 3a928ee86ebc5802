// Pure.
/** The charts of a backtest's report, as SVG text without any script or outside resource. */
import type { Change } from "./frontier.ts";
import type { KindResult, PolicyResult } from "./run_backtest.ts";

const WIDTH = 720;
const HEIGHT = 340;
const LEFT = 74;
const RIGHT = 190;
const TOP = 16;
const BOTTOM = 44;

/** One colour a policy, in the order of the policies; readable on light and on dark. */
export const COLOURS = ["#8a8f98", "#d1742f", "#b59a2b", "#2f7fd1"] as const;

interface Point {
  readonly x: number;
  readonly y: number;
}

interface Line {
  readonly title: string;
  readonly colour: string;
  readonly points: readonly Point[];
}

interface Axes {
  readonly xLow: number;
  readonly xHigh: number;
  readonly yHigh: number;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly xText: (x: number) => string;
  readonly xTicks: readonly number[];
}

/** What each policy's stock costs at each fill rate. */
export function frontierChart(kind: KindResult, targetFill: number): string {
  const xLow = Math.max(0, Math.floor((targetFill - 0.12) * 20) / 20);
  const xHigh = Math.min(1, targetFill + 0.04);
  const lines = kind.policies.map((policy, i) => ({
    title: policy.title,
    colour: COLOURS[i % COLOURS.length]!,
    points: policy.frontier
      .map(({ fillRate, inventoryValue }) => ({ x: fillRate, y: inventoryValue }))
      .filter(({ x }) => x >= xLow && x <= xHigh),
  }));
  const xTicks: number[] = [];
  for (let x = xLow; x <= xHigh + 1e-9; x += 0.02) xTicks.push(x);
  const axes: Axes = {
    xLow,
    xHigh,
    yHigh: highest(lines),
    xLabel: "fill rate, by value",
    yLabel: "mean stock value",
    xText: (x) => `${Math.round(x * 100)}%`,
    xTicks,
  };
  return lineChart(lines, axes, "Stock value against fill rate", targetFill);
}

/** Stock value through the second part, every policy at the same fill over all of it. */
export function stockChart(
  policies: readonly PolicyResult[],
  firstDay: string,
  firstDays: number,
): string {
  const start = Date.parse(`${firstDay}T00:00:00Z`) + firstDays * 86_400_000;
  const lines = policies.map((policy, i) => ({
    title: policy.title,
    colour: COLOURS[i % COLOURS.length]!,
    points: policy.stockByDay.map((y, x) => ({ x, y })),
  }));
  const days = Math.max(1, ...policies.map(({ stockByDay }) => stockByDay.length - 1));
  const xTicks = [0, 1, 2, 3, 4].map((i) => Math.round((i * days) / 4));
  const axes: Axes = {
    xLow: 0,
    xHigh: days,
    yHigh: highest(lines),
    xLabel: "day",
    yLabel: "stock value at the end of the day",
    xText: (x) => new Date(start + x * 86_400_000).toISOString().slice(0, 10),
    xTicks,
  };
  return lineChart(lines, axes, "Stock value by day at equal fill");
}

function highest(lines: readonly Line[]): number {
  const most = Math.max(1, ...lines.flatMap(({ points }) => points.map(({ y }) => y)));
  const step = 10 ** Math.floor(Math.log10(most));
  return Math.ceil(most / (step / 2)) * (step / 2);
}

function lineChart(lines: readonly Line[], axes: Axes, title: string, mark?: number): string {
  const { xLow, xHigh, yHigh } = axes;
  const px = (x: number) => LEFT + ((x - xLow) / (xHigh - xLow)) * (WIDTH - LEFT - RIGHT);
  const py = (y: number) => HEIGHT - BOTTOM - (y / yHigh) * (HEIGHT - TOP - BOTTOM);
  const parts: string[] = [];
  for (let i = 0; i <= 5; i++) {
    const y = (yHigh * i) / 5;
    parts.push(
      `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at(py(y))}" y2="${at(py(y))}"/>`,
      `<text x="${LEFT - 8}" y="${at(py(y) + 4)}" text-anchor="end">${shortNumber(y)}</text>`,
    );
  }
  for (const x of axes.xTicks) {
    parts.push(
      `<text x="${at(px(x))}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${axes.xText(x)}</text>`,
    );
  }
  if (mark !== undefined) {
    parts.push(
      `<line class="mark" x1="${at(px(mark))}" x2="${at(px(mark))}" y1="${TOP}" y2="${HEIGHT - BOTTOM}"/>`,
    );
  }
  const ends = labelPlaces(lines.map(({ points }) => py(points.at(-1)?.y ?? 0)));
  lines.forEach(({ title: name, colour, points }, i) => {
    if (points.length === 0) return;
    const path = points.map(({ x, y }) => `${at(px(x))},${at(py(y))}`).join(" ");
    parts.push(
      `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${path}"/>`,
      `<text x="${at(px(points.at(-1)!.x) + 8)}" y="${at(ends[i]! + 4)}" style="fill:${colour}">${escapeHtml(name)}</text>`,
    );
  });
  parts.push(
    `<text x="${LEFT}" y="${HEIGHT - 6}">${axes.xLabel}</text>`,
    `<text x="12" y="${HEIGHT / 2}" transform="rotate(-90 12 ${HEIGHT / 2})" text-anchor="middle">${axes.yLabel}</text>`,
  );
  return `<svg role="img" aria-label="${title}" viewBox="0 0 ${WIDTH} ${HEIGHT}">${parts.join("")}</svg>`;
}

/** Places labels at least 15 apart, keeping their order. */
function labelPlaces(wanted: readonly number[]): number[] {
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a]! - wanted[b]!);
  const places = [...wanted];
  order.forEach((index, rank) => {
    if (rank === 0) return;
    const above = places[order[rank - 1]!]!;
    places[index] = Math.max(places[index]!, above + 15);
  });
  return places;
}

export interface NamedChange {
  readonly name: string;
  readonly change: Change;
}

/** Estimates with their intervals, zero in the middle of things. */
export function changeChart(changes: readonly NamedChange[]): string {
  const known = changes.filter(({ change }) => change.inventoryValueChangePct !== null);
  const reach = Math.max(
    10,
    ...known.flatMap(({ change }) => [Math.abs(change.low!), Math.abs(change.high!)]),
  );
  const left = 250;
  const rowHeight = 30;
  const height = known.length * rowHeight + 34;
  const px = (value: number) => left + ((value + reach) / (2 * reach)) * (WIDTH - left - 90);
  const parts = [
    `<line class="mark" x1="${at(px(0))}" x2="${at(px(0))}" y1="6" y2="${height - 26}"/>`,
    `<text x="${at(px(0))}" y="${height - 8}" text-anchor="middle">no change</text>`,
  ];
  known.forEach(({ name, change }, i) => {
    const y = 20 + i * rowHeight;
    const value = change.inventoryValueChangePct!;
    const colour = change.high! < 0 ? "#2f8f4e" : change.low! > 0 ? "#c2452f" : "#8a8f98";
    parts.push(
      `<text x="${left - 12}" y="${y + 4}" text-anchor="end">${escapeHtml(name)}</text>`,
      `<line stroke="${colour}" stroke-width="3" x1="${at(px(change.low!))}" x2="${at(px(change.high!))}" y1="${y}" y2="${y}"/>`,
      `<circle fill="${colour}" cx="${at(px(value))}" cy="${y}" r="5"/>`,
      `<text x="${WIDTH - 84}" y="${y + 4}">${signed(value)}%</text>`,
    );
  });
  return `<svg role="img" aria-label="Change of stock value at equal fill" viewBox="0 0 ${WIDTH} ${height}">${parts.join("")}</svg>`;
}

export function signed(value: number): string {
  return `${value > 0 ? "+" : ""}${value.toFixed(1)}`;
}

export function shortNumber(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(value >= 1e7 ? 0 : 1)}M`;
  if (value >= 1e4) return `${Math.round(value / 1e3)}k`;
  return value >= 1e3 ? `${(value / 1e3).toFixed(1)}k` : value.toFixed(0);
}

export function escapeHtml(text: string): string {
  const entities: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
  };
  return text.replaceAll(/[&<>"]/g, (character) => entities[character]!);
}

function at(value: number): string {
  return value.toFixed(1);
}
