// Pure.
/** The report of a backtest: one HTML page that needs nothing but itself. */
import type { Change, Reading } from "./frontier.ts";
import {
  changeChart,
  escapeHtml,
  frontierChart,
  shortNumber,
  signed,
  stockChart,
} from "./report_charts.ts";
import type { BacktestResult, DemandKind, KindResult } from "./run_backtest.ts";

const KIND_TITLES: Readonly<Record<DemandKind, string>> = {
  capped: "Bulk orders handled apart: a day held to the item's 95th percentile",
  cappedByFirstPart: "The same, with the percentile of the first part only",
  raw: "Every order as it came",
};

/** The page. `source` is the name of the sales file. */
export function reportHtml(result: BacktestResult, source: string): string {
  const main = result.kinds[0]!;
  const { setting } = result;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Onhand backtest</title><style>${STYLE}</style></head><body><main>
<h1>What the reorder points would have saved</h1>
<p>${escapeHtml(source)}: ${setting.dayCount} days from ${setting.firstDay}; the first ${setting.firstDays} to learn from,
the other ${setting.dayCount - setting.firstDays} replayed. Lead time ${setting.leadTimeDays} days, ${percent(setting.targetFill)} of the value asked for
served, ${main.skuCount} items, of which ${main.stableSkuCount} sold about as much in either part.</p>
${verdict(main)}
<h2>Stock against static yearly rules and against the brief's formula, at equal fill</h2>
${changeChart([
  { name: "Onhand against static", change: main.headline },
  { name: "the same, stable items", change: main.headline.stable },
  { name: "Onhand against the brief", change: main.headline.againstBrief },
  { name: "the same, stable items", change: main.headline.againstBrief.stable },
])}
<p class="note">Estimate and 95% interval from ${setting.draws} resamplings of the items.</p>
${result.kinds.map((kind) => kindSection(kind, result)).join("\n")}
<h2>How to read this</h2>
<ul><li>Stock is order-up-to, reviewed daily, demand not met is lost. A policy gives a mean and a standard deviation of
demand over the lead time; stock is ordered up to mean + z sd, with one z for all items of a policy.</li>
<li>All constants of the policies and the choice of items come from the first part. On the second only z is swept, for every
policy alike, so that all are read at the same fill.</li>
<li>"As promised" is z set on the first part for the same target, and the fill it then gave.</li>
<li>Much of what a moving policy gains over a static one comes from items whose demand drifted; the stable items show what it
costs or gains where nothing moved. Which items are stable is known only afterwards, which flatters the static rule.</li>
<li>Value is units times mean selling price. Sales taken back within a day by an equal return are left out
(${setting.cancelledLines} lines).</li></ul>
</main></body></html>
`;
}

function verdict(kind: KindResult): string {
  const { inventoryValueChangePct: value, low, high } = kind.headline;
  if (value === null) return `<p class="verdict">No policy reached this fill rate.</p>`;
  return `<p class="verdict"><strong>${signed(value)}%</strong> stock value against static yearly rules
(95% interval ${signed(low!)} to ${signed(high!)}%).</p>`;
}

function kindSection(kind: KindResult, { setting }: BacktestResult): string {
  return `<section><h2>${KIND_TITLES[kind.demand]}</h2>
<p>${shortNumber(kind.valueAskedPerDay)} asked for a day.</p>
<table><thead><tr><th>policy</th><th>stock value</th><th>against static</th><th>stockout days</th><th>orders</th><th>z</th>
<th>as promised: fill</th><th>stock value</th></tr></thead><tbody>
${kind.policies
  .map(
    (
      policy,
    ) => `<tr><td title="${escapeHtml(policy.about)}">${escapeHtml(policy.title)}</td>${cells(policy.atTargetFill, policy.againstStatic)}
<td>${policy.asPromised === null ? "not reached" : percent(policy.asPromised.fillRate)}</td>
<td>${policy.asPromised === null ? "" : shortNumber(policy.asPromised.inventoryValue)}</td></tr>`,
  )
  .join("\n")}
</tbody></table>
<figure>${frontierChart(kind, setting.targetFill)}</figure>
<figure>${stockChart(kind.policies, setting.firstDay, setting.firstDays)}</figure></section>`;
}

function cells(reading: Reading | null, change: Change): string {
  if (reading === null) return `<td colspan="5">does not reach the target</td>`;
  const against =
    change.inventoryValueChangePct === null
      ? ""
      : `${signed(change.inventoryValueChangePct)}% [${signed(change.low!)}, ${signed(change.high!)}]`;
  return `<td>${shortNumber(reading.inventoryValue)}</td><td>${against}</td><td>${Math.round(reading.stockoutDays)}</td>
<td>${Math.round(reading.orders)}</td><td>${reading.z.toFixed(2)}</td>`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)}%`;
}

const STYLE = `:root{color-scheme:light dark;--ink:#1c2330;--soft:#5b6472;--line:#d9dde3;--paper:#fff}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#9aa3b0;--line:#343b46;--paper:#14181f}}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:60rem;margin:0 auto;padding:2rem 1rem}h1{font-size:1.7rem}h2{font-size:1.15rem;margin-top:2.2rem}
.verdict{font-size:1.3rem}.verdict strong{font-size:2rem}.note{color:var(--soft)}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.92rem}
th,td{text-align:right;padding:.35rem .5rem;border-bottom:1px solid var(--line)}th:first-child,td:first-child{text-align:left}
th{color:var(--soft);font-weight:500}figure{margin:1rem 0}svg{width:100%;height:auto}
svg text{fill:var(--soft);font:12px system-ui,sans-serif}.grid{stroke:var(--line)}
.mark{stroke:var(--soft);stroke-dasharray:4 4}`;
