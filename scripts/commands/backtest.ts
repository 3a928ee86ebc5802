// `onhand backtest FILE`: replays event-level sales through reorder policies and says what each would have
// cost at the same fill rate; writes the report beside it.
import { writeFileSync } from "node:fs";
import { basename } from "node:path";
import { SingleBar } from "cli-progress";
import type { Command } from "commander";
import { dailyDemand } from "../backtest/daily_demand.ts";
import type { Change } from "../backtest/frontier.ts";
import { reportHtml } from "../backtest/report.ts";
import {
  type BacktestResult,
  type BacktestSettings,
  type Headline,
  type PolicyResult,
  runBacktest,
} from "../backtest/run_backtest.ts";
import { readSales } from "../backtest/sales_file.ts";
import {
  type CommonOptions,
  newCommand,
  printResult,
  progress,
  usageError,
} from "../command_line.ts";

type BacktestOptions = CommonOptions & {
  leadTime: string;
  targetFill: string;
  firstDays?: string;
  minDays: string;
  draws: string;
  report: string;
};

/** What `--json` prints. */
export interface BacktestOutput {
  readonly summary: Headline & {
    readonly cappedByFirstPart: Headline;
    readonly raw: Headline;
  };
  readonly policies: readonly Omit<PolicyResult, "stockByDay">[];
  readonly rawPolicies: readonly Omit<PolicyResult, "stockByDay">[];
  readonly setting: BacktestResult["setting"];
  readonly skuCount: number;
  readonly stableSkuCount: number;
  readonly skipped: Readonly<Record<string, number>>;
  readonly report: string;
}

export function command(): Command {
  return newCommand("backtest", "replay sales through reorder policies, read at equal fill")
    .argument("<file>", "CSV or CSV.gz with columns timestamp, sku, location, qty, unit_price")
    .option("--lead-time <days>", "days from order to shelf", "7")
    .option(
      "--target-fill <share>",
      "share of the value asked for to be served, 0.5 to 0.999",
      "0.95",
    )
    .option("--first-days <days>", "days to learn from (default 180, or half of a short file)")
    .option("--min-days <days>", "fewest selling days in the first part for an item to count", "20")
    .option("--draws <count>", "bootstrap resamplings", "1000")
    .option("--report <file>", "where to write the HTML report", "backtest.html")
    .action(run);
}

async function run(file: string, options: BacktestOptions): Promise<void> {
  const settings = settingsFrom(options);
  const bar = progressBar();
  const { lines, skipped } = await readSales(file, (share) => bar.tell("reading", share * 0.2));
  const result = runBacktest(dailyDemand(lines), settings, (share) =>
    bar.tell("replaying", 0.2 + share * 0.8),
  );
  bar.done();
  // First what it was run for: the report may find no place.
  printResult(options, outputOf(result, skipped, options.report), humanText);
  writeFileSync(options.report, reportHtml(result, basename(file)));
}

/** The command's result from the backtest's. */
export function outputOf(
  result: BacktestResult,
  skipped: Readonly<Record<string, number>>,
  report: string,
): BacktestOutput {
  const kind = (name: string) => result.kinds.find(({ demand }) => demand === name)!;
  const plain = (policies: readonly PolicyResult[]) =>
    policies.map(({ stockByDay: _, ...policy }) => policy);
  const main = kind("capped");
  const raw = kind("raw");
  return {
    summary: {
      ...main.headline,
      cappedByFirstPart: kind("cappedByFirstPart").headline,
      raw: raw.headline,
    },
    policies: plain(main.policies),
    rawPolicies: plain(raw.policies),
    setting: result.setting,
    skuCount: main.skuCount,
    stableSkuCount: main.stableSkuCount,
    skipped,
    report,
  };
}

function humanText({ summary, policies, setting, skuCount, report }: BacktestOutput): string {
  const fill = `${(setting.targetFill * 100).toFixed(1)}%`;
  const lines = [
    `${skuCount} items, lead time ${setting.leadTimeDays} days, ${fill} of value served, days ${setting.firstDays + 1}-${setting.dayCount}`,
    "",
    ...policies.map(({ title, atTargetFill, againstStatic }) =>
      atTargetFill === null
        ? `  ${title.padEnd(32)} does not reach this fill`
        : `  ${title.padEnd(32)} stock value ${atTargetFill.inventoryValue.toFixed(0).padStart(10)}  ${told(againstStatic)}`,
    ),
    "",
    `  Onhand against static             ${told(summary)}`,
    `  the same, stable items            ${told(summary.stable)}`,
    `  Onhand against the brief's formula ${told(summary.againstBrief)}`,
    `  with every bulk order as it came  ${told(summary.raw)}`,
    "",
    `Report: ${report}`,
  ];
  return lines.join("\n");
}

function told(change: Change): string {
  if (change.inventoryValueChangePct === null) return "not comparable at this fill";
  const [value, low, high] = [change.inventoryValueChangePct, change.low!, change.high!];
  return `${value.toFixed(1)}% [${low.toFixed(1)}, ${high.toFixed(1)}]`;
}

function settingsFrom(options: BacktestOptions): BacktestSettings {
  const whole = (name: string, text: string, low: number, high: number): number => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= low && value <= high) return value;
    throw usageError(`Cannot use ${name} ${text}: wanted a whole number from ${low} to ${high}`);
  };
  const targetFill = Number(options.targetFill);
  if (!(targetFill >= 0.5 && targetFill <= 0.999)) {
    throw usageError(`Cannot use --target-fill ${options.targetFill}: wanted 0.5 to 0.999`);
  }
  return {
    leadTimeDays: whole("--lead-time", options.leadTime, 1, 365),
    targetFill,
    firstDays:
      options.firstDays === undefined
        ? undefined
        : whole("--first-days", options.firstDays, 4, 36_500),
    sellingDaysMin: whole("--min-days", options.minDays, 1, 36_500),
    draws: whole("--draws", options.draws, 20, 100_000),
  };
}

/** A bar for a person, a line now and then for a file; on stderr either way. */
function progressBar(): { tell: (what: string, share: number) => void; done: () => void } {
  if (!process.stderr.isTTY) {
    let last = -1;
    return {
      tell: (what, share) => {
        const tenth = Math.floor(share * 10);
        if (tenth > last) progress(`${what} ${tenth * 10}%`);
        last = Math.max(last, tenth);
      },
      done: () => {},
    };
  }
  const bar = new SingleBar({ format: "{what} {bar} {percentage}%", stream: process.stderr });
  bar.start(1000, 0, { what: "reading" });
  return {
    tell: (what, share) => bar.update(Math.round(share * 1000), { what }),
    done: () => bar.stop(),
  };
}
