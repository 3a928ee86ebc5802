// `onhand replay --what-if policy.json`: what really happened again, under other reorder points, in a sandbox: orders,
// demand that found no stock, and what the stock was worth, beside the same under the policies there were.
import { readFileSync } from "node:fs";
import { type Command, InvalidArgumentError } from "commander";
import { describeError } from "../../shared/errors.ts";
import { Database } from "../../shared/postgres.ts";
import { connectNats } from "../../streams/connection.ts";
import { readTopology } from "../../streams/topology.ts";
import {
  type CommonOptions,
  newCommand,
  printResult,
  progress,
  runningSystem,
  usageError,
} from "../command_line.ts";
import type { RunFigures } from "../what_if/figures.ts";
import { faultsOfFile, type PolicyFile, PolicyFileSchema } from "../what_if/policy_file.ts";
import { runWhatIf, type WhatIfReport } from "../what_if/run.ts";

type Options = CommonOptions & { whatIf: string; top: number };

const TOP_MAX = 10_000;
const CONNECT_WAIT_MS = 5_000;

export function command(): Command {
  return newCommand("replay", "what really happened again under other reorder points, in a sandbox")
    .requiredOption("--what-if <file>", "policy file (JSON); docs/FORECASTING.md tells its fields")
    .option("--top <count>", "keys shown whose stock value changes most", top, 10)
    .action(replay);
}

async function replay(options: Options): Promise<void> {
  const file = readPolicyFile(options.whatIf);
  const { endpoints } = runningSystem(options);
  const nc = await connectNats(endpoints.nats, { name: "onhand replay", waitMs: CONNECT_WAIT_MS });
  const database = new Database(endpoints.postgres, { connectionsMax: 2, name: "onhand replay" });
  try {
    const topology = await readTopology(nc);
    const report = await runWhatIf(database, { file, topology, top: options.top, say: progress });
    printResult(options, report, human);
  } finally {
    await database.close();
    await nc.close();
  }
}

/** @throws OnhandError `usage`, naming each wrong field */
function readPolicyFile(path: string): PolicyFile {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw usageError(`Cannot read ${path}: ${describeError(error)}`);
  }
  const parsed = PolicyFileSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw usageError(`Cannot use ${path}: ${faultsOfFile(parsed.error).join("; ")}`);
}

function human({ from, to, commands, before, after, change, keys }: WhatIfReport): string {
  const rows: [string, (figures: RunFigures) => string, number | null][] = [
    ["orders", (f) => whole(f.orders), change.orders],
    ["units ordered", (f) => whole(f.unitsOrdered), change.unitsOrdered],
    ["units short", (f) => whole(f.short), change.short],
    ["fill rate", (f) => `${(100 * f.fillRate).toFixed(2)}%`, null],
    ["days out of stock", (f) => whole(f.stockoutDays), change.stockoutDays],
    ["mean units on the shelf", (f) => whole(f.meanUnits), change.meanUnits],
    ["mean value of the stock", (f) => whole(f.inventoryValue), change.inventoryValue],
  ];
  const lines = [
    `${whole(commands)} commands of ${from.slice(0, 10)} to ${to.slice(0, 10)}, ${whole(after.keys)} SKUs at a location`,
    line("", "as it was planned", "what if", "change"),
    ...rows.map(([name, show, changed]) =>
      line(name, show(before), show(after), changed === null ? "" : percent(changed)),
    ),
  ];
  for (const { sku, location, before: was, after: is } of keys)
    lines.push(
      `  ${sku} at ${location}: ${whole(was.meanUnits)} -> ${whole(is.meanUnits)} units on the shelf, ` +
        `${was.orders} -> ${is.orders} orders, ${whole(was.short)} -> ${whole(is.short)} short`,
    );
  return lines.join("\n");
}

const line = (...cells: string[]): string =>
  cells.map((cell, i) => (i === 0 ? cell.padEnd(26) : cell.padStart(18))).join("");
const whole = (value: number): string => Math.round(value).toLocaleString("en-US");
const percent = (value: number): string => `${value > 0 ? "+" : ""}${value.toFixed(1)}%`;

function top(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= TOP_MAX) return value;
  throw new InvalidArgumentError(`expected 0 to ${TOP_MAX}`);
}
