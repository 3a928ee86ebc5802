// Owns a what-if over all shards: reads what happened, runs the sandbox under either set of policies, and compares.
import { setImmediate as turn } from "node:timers/promises";
import { OnhandError } from "../../shared/errors.ts";
import type { Database } from "../../shared/postgres.ts";
import type { Topology } from "../../streams/topology.ts";
import { type KeyFigures, type RunFigures, sumOf } from "./figures.ts";
import { type Happened, readCommands } from "./ledger_commands.ts";
import type { PolicyFile, Rule } from "./policy_file.ts";
import { type KeyResult, runSandbox } from "./sandbox.ts";

export type WhatIfOptions = {
  file: PolicyFile;
  topology: Topology;
  /** Keys told one by one. */
  top: number;
  say: (line: string) => void;
};

export type WhatIfReport = {
  /** When what was replayed happened. */
  from: string;
  to: string;
  commands: number;
  supply: PolicyFile["supply"];
  before: RunFigures;
  after: RunFigures;
  /** Per cent, from before to after; null where there was nothing before. */
  change: Record<
    "orders" | "unitsOrdered" | "short" | "stockoutDays" | "meanUnits" | "inventoryValue",
    number | null
  >;
  /** Keys whose stock value changes most. */
  keys: { sku: string; location: string; before: KeyFigures; after: KeyFigures }[];
};

const DAY_MS = 86_400_000;

type Run = { results: KeyResult[]; unitCosts: number[] };

/** @throws OnhandError `nothing_to_replay` */
export async function runWhatIf(database: Database, options: WhatIfOptions): Promise<WhatIfReport> {
  const { file, topology, say } = options;
  const items = await readItems(database);
  const before: Run = { results: [], unitCosts: [] };
  const after: Run = { results: [], unitCosts: [] };
  let commands = 0;
  let [fromMs, toMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let shard = 0; shard < topology.shards; shard++) {
    const history = await readCommands(database, { epoch: topology.epoch, shard });
    say(`shard ${shard}: ${history.length.toLocaleString("en-US")} commands`);
    if (history.length === 0) continue;
    commands += history.length;
    fromMs = Math.min(fromMs, history[0]!.ms);
    toMs = Math.max(toMs, history.at(-1)!.ms);
    for (const [run, rules] of [
      [before, file.against ?? []],
      [after, file.rules],
    ] as const) {
      await turn();
      collect(run, runShard(history, rules, { ...options, shard, items }), items);
    }
  }
  if (commands === 0)
    throw new OnhandError("nothing_to_replay", "Cannot replay: the ledger holds no command yet");
  refuseAllWarmUp((toMs - fromMs) / DAY_MS, file.warmUpDays);
  return compare(before, after, {
    from: new Date(fromMs).toISOString(),
    to: new Date(toMs).toISOString(),
    commands,
    supply: file.supply,
    top: options.top,
  });
}

/** Of which nothing counts would be told as if all had been served. */
function refuseAllWarmUp(days: number, warmUpDays: number): void {
  if (days >= warmUpDays) return;
  const found = `what happened spans ${days.toFixed(1)} days, the first ${warmUpDays} are not counted`;
  const text = `Cannot replay: ${found}: expected fewer warmUpDays in the policy file`;
  throw new OnhandError("nothing_to_replay", text);
}

type Items = ReadonlyMap<string, { category: string; unitCost: number }>;

function runShard(
  history: readonly Happened[],
  rules: readonly Rule[],
  { file, topology, shard, items, say }: WhatIfOptions & { shard: number; items: Items },
): KeyResult[] {
  let toldMs = performance.now();
  return runSandbox(history, {
    ...file,
    rules,
    topology: { ...topology, shard },
    categoryOf: (sku) => items.get(sku)?.category ?? "",
    onProgress: (done) => {
      if (performance.now() - toldMs < 1_000) return;
      toldMs = performance.now();
      say(
        `shard ${shard}: ${done.toLocaleString("en-US")} of ${history.length.toLocaleString("en-US")}`,
      );
    },
  });
}

function collect(run: Run, results: readonly KeyResult[], items: Items): void {
  for (const result of results) {
    run.results.push(result);
    run.unitCosts.push(items.get(result.sku)?.unitCost ?? 1);
  }
}

async function readItems(database: Database): Promise<Items> {
  const rows = await database.run(
    (sql) => sql<{ sku: string; category: string | null; unit_cost: number | null }[]>`
      select sku, category, unit_cost from item`,
  );
  return new Map(
    rows.map((row) => [row.sku, { category: row.category ?? "", unitCost: row.unit_cost ?? 1 }]),
  );
}

function compare(
  before: Run,
  after: Run,
  { top, ...about }: Pick<WhatIfReport, "from" | "to" | "commands" | "supply"> & { top: number },
): WhatIfReport {
  const total = ({ results, unitCosts }: Run) =>
    sumOf(results.map(({ figures }, i) => ({ figures, unitCost: unitCosts[i]! })));
  const [was, is] = [total(before), total(after)];
  const percent = (field: keyof KeyFigures | "inventoryValue") =>
    was[field] === 0 ? null : (100 * (is[field] - was[field])) / was[field];
  const byKey = new Map(before.results.map((one) => [`${one.location}\n${one.sku}`, one.figures]));
  const keys = after.results.flatMap(({ sku, location, figures }, i) => {
    const beforeIt = byKey.get(`${location}\n${sku}`);
    if (beforeIt === undefined) return [];
    const moved = Math.abs(figures.meanUnits - beforeIt.meanUnits) * after.unitCosts[i]!;
    return [{ moved, sku, location, before: beforeIt, after: figures }];
  });
  keys.sort((a, b) => b.moved - a.moved || (a.sku < b.sku ? -1 : 1));
  return {
    ...about,
    before: was,
    after: is,
    change: {
      orders: percent("orders"),
      unitsOrdered: percent("unitsOrdered"),
      short: percent("short"),
      stockoutDays: percent("stockoutDays"),
      meanUnits: percent("meanUnits"),
      inventoryValue: percent("inventoryValue"),
    },
    keys: keys.slice(0, top).map(({ moved: _moved, ...key }) => key),
  };
}
