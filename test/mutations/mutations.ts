// The bugs of the invariants' list (M1 to M23), each as a change of the sources, and what must catch it.
import type { Fault } from "../../scripts/sim/faults.ts";
import type { Patch } from "./plant.ts";

export type Mutation = {
  /** Number of the list; with a letter where a bug is planted twice. */
  id: string;
  what: string;
  patches: readonly Patch[];
  caughtBy: Simulation | TestCase;
};

/** The simulation finds it. What it tells first, and with which seed, is chance. */
export type Simulation = {
  /** Default: all but power. */
  faults?: readonly Fault[] | "all" | "none";
  /** Commands of a run; default by chance, 20 to 160. */
  commands?: number;
  /** Seeds to try, from 1 on; default 120. Each bug must be found within them. */
  seeds?: number;
};
/** A test fails: `name` is part of its name. */
export type TestCase = { test: string; name: string };

const SIMULATION: Simulation = {};

/** Bugs of the list in parts that are not built yet. */
export const NOT_YET: Readonly<Record<string, { what: string; why: string }>> = {
  M7: { what: "standby drops effects", why: "there is no standby yet" },
};

export const MUTATIONS: readonly Mutation[] = [
  {
    id: "M1",
    what: "dedupe skipped on replay",
    patches: [
      {
        file: "actors/runtime/fold.ts",
        find: "const lookups = machine.lookups(decoded);",
        replace:
          "const lookups = entry.seq <= this.context.mutedTo ? [] : machine.lookups(decoded);",
      },
    ],
    caughtBy: SIMULATION,
  },
  {
    id: "M2",
    what: "filter forgets after restore",
    patches: [
      {
        file: "actors/stock/restore.ts",
        find: "s.filter.generations.push(...generations);",
        replace: "",
      },
    ],
    caughtBy: SIMULATION,
  },
  {
    id: "M3",
    what: "look-up without position bound",
    patches: [
      {
        file: "actors/runtime/lookups.ts",
        find: "(epoch === this.epoch && seq < entry.seq);",
        replace: "(epoch === this.epoch && seq < Number.POSITIVE_INFINITY);",
      },
    ],
    caughtBy: SIMULATION,
  },
  {
    id: "M4",
    what: "dedupe by id alone",
    patches: [
      {
        file: "shared/identity_hash.ts",
        find: `  let a = Math.imul(SEED_2 ^ locationA, M1);
  let b = Math.imul(SEED_1 ^ locationB, M2);
  a = Math.imul(((a << 13) | (a >>> 19)) ^ skuA, M1);
  b = Math.imul(((b << 17) | (b >>> 15)) ^ skuB, M2);
`,
        replace: "  let a = SEED_2;\n  let b = SEED_1;\n",
      },
    ],
    caughtBy: SIMULATION,
  },
  {
    id: "M5a",
    what: "commit unguarded (simulated store)",
    patches: [
      {
        file: "scripts/sim/store.ts",
        find: "if (row.committedSeq !== guard.seq || row.token !== guard.token) {",
        replace: "if (row.token === commit.token) {",
      },
    ],
    caughtBy: SIMULATION,
  },
  {
    id: "M5b",
    what: "commit unguarded (Postgres)",
    patches: [
      {
        file: "actors/runtime/postgres_store.ts",
        find: "and committed_seq = ",
        replace: "and committed_seq <> -1 - ",
      },
      {
        file: "actors/runtime/postgres_store.ts",
        find: " and token = ",
        replace: " and token <> '!' || ",
      },
    ],
    caughtBy: {
      test: "test/actors/runtime/runner.test.ts",
      name: "a zombie is fenced and its commit leaves no trace",
    },
  },
  {
    id: "M6",
    what: "outbox outside the commit",
    patches: [
      {
        file: "actors/runtime/committer.ts",
        find: "const result = await this.ports.store.commit(commit);",
        replace: `const first = await this.ports.store.commit({ ...commit, outbox: [] });
        const guard = { seq: commit.committed?.seq ?? commit.guard.seq, token: commit.token };
        const rows = new CopyWriter().take();
        const second = { ...commit, guard, rows, committed: undefined, checkpoint: undefined };
        const result = first.outcome === "fenced" ? first : await this.ports.store.commit(second);`,
      },
    ],
    caughtBy: SIMULATION,
  },
  {
    id: "M8",
    what: "effect id without ordinal",
    patches: [
      {
        file: "actors/stock/effects.ts",
        find: "s.effects++",
        replace: "0",
      },
    ],
    caughtBy: SIMULATION,
  },
  {
    id: "M9",
    what: "effect id without epoch",
    patches: [
      {
        file: "actors/stock/effects.ts",
        find: "s.epoch}.",
        replace: "0}.",
      },
    ],
    caughtBy: SIMULATION,
  },
  {
    id: "M10",
    what: "reader tolerates a gap",
    patches: [
      {
        file: "streams/reader.ts",
        find: "if (seq > this.#seenSeq + 1) {",
        replace: "if (seq < 0) {",
      },
    ],
    caughtBy: { faults: ["log", "crash"], commands: 400, seeds: 40 },
  },
  {
    id: "M11",
    what: "no comparison of the stream with the checkpoint",
    patches: [
      {
        file: "actors/runtime/compare.ts",
        find: "for (const mark of folded.marks) {",
        replace: "for (const mark of folded.marks.slice(0, 0)) {",
      },
    ],
    caughtBy: { faults: "all" },
  },
  {
    id: "M12",
    what: "holds restored in another order",
    patches: [
      {
        file: "actors/stock/restore.ts",
        find: "holds.sort((a, b) => a.number - b.number);",
        replace: "",
      },
    ],
    caughtBy: { faults: ["crash"], commands: 400, seeds: 40 },
  },
  {
    id: "M13",
    what: "now = raw append time",
    patches: [
      {
        file: "actors/stock/machine.ts",
        find: "s.now = Math.max(s.now, appendedAtMs);",
        replace: "s.now = appendedAtMs;",
      },
    ],
    caughtBy: SIMULATION,
  },
  {
    id: "M14",
    what: "expiry off by one",
    patches: [
      {
        file: "actors/stock/due_now.ts",
        find: "item.dueMs <= s.now;",
        replace: "item.dueMs < s.now;",
      },
    ],
    caughtBy: SIMULATION,
  },
  {
    id: "M15",
    what: "fulfill forgets reserved",
    patches: [
      {
        file: "actors/stock/hold_ends.ts",
        find: "takeHeld(s, line, units);",
        replace: "line.qty -= units;",
      },
    ],
    caughtBy: SIMULATION,
  },
  {
    id: "M16",
    what: "release twice",
    patches: [
      {
        file: "actors/stock/hold_ends.ts",
        find: 'if (hold.status !== "held") return HOLD_FINISHED;',
        replace: 'if (hold.status === "fulfilled") return HOLD_FINISHED;',
      },
      {
        file: "actors/stock/hold_book.ts",
        find: 'if (hold.status !== "held") broken(`Cannot end',
        replace: "if (hold === null) broken(`Cannot end",
      },
    ],
    caughtBy: SIMULATION,
  },
  {
    id: "M17",
    what: "`at` not bounded",
    patches: [
      {
        file: "actors/stock/decide.ts",
        find: "if (!ahead && !back) return;",
        replace: "if (ahead || back || true) return;",
      },
    ],
    caughtBy: SIMULATION,
  },
  {
    id: "M18",
    what: "negative location lowers the total",
    patches: [
      {
        file: "http/stock_view.ts",
        find: "totals.available += Math.max(0, level.available);",
        replace: "totals.available += level.available;",
      },
    ],
    caughtBy: {
      test: "test/http/pure.test.ts",
      name: "totals never fall because another location is oversold (M18)",
    },
  },
  {
    id: "M19",
    what: "half a bundle after a crash",
    patches: [
      {
        file: "actors/runtime/committer.ts",
        find: "for (let i = 0; i < rows.length; i++) {",
        replace:
          "const whole = rows.length > 2 ? rows.length >> 1 : rows.length;\n    for (let i = 0; i < whole; i++) {",
      },
      {
        file: "actors/runtime/committer.ts",
        find: "rows.length = 0;",
        replace: "rows.splice(0, whole);",
      },
      // The committer's own assertion would stop it; that the simulation sees it too is what is asked here.
      {
        file: "actors/runtime/committer.ts",
        find: "if (row.seq !== entry.seq)",
        replace: "if (row.seq < 0)",
      },
    ],
    caughtBy: SIMULATION,
  },
  {
    id: "M20a",
    what: "registry set without version (simulated registry)",
    patches: [
      {
        file: "scripts/sim/registry.ts",
        find: "if (before !== undefined && before.version >= level.version) continue;",
        replace: "",
      },
    ],
    caughtBy: SIMULATION,
  },
  {
    id: "M20b",
    what: "registry set without version (Redis)",
    patches: [
      {
        file: "shared/registry.ts",
        find: "if not old or string.sub(old, 1, width) < string.sub(value, 1, width) then",
        replace: "if true then",
      },
    ],
    caughtBy: {
      test: "test/shared/registry.test.ts",
      name: "write() never lets a visible version decrease (S18)",
    },
  },
  {
    id: "M21a",
    what: "cancel subtracts the whole quantity (of an order line)",
    patches: [
      {
        file: "actors/stock/order_lines.ts",
        find: "const by = owed - (known === undefined ? 0 : outstanding(known));",
        replace:
          "const owedSo = known !== undefined && !isOpen && OPEN.has(known.status) ? known.ordered : known === undefined ? 0 : outstanding(known);\n  const by = owed - owedSo;",
      },
    ],
    caughtBy: SIMULATION,
  },
  {
    id: "M21b",
    what: "cancel subtracts the whole quantity (of a firm hold)",
    patches: [
      {
        file: "actors/stock/hold_ends.ts",
        find: "  const { key, firm } = line;\n  const units =",
        replace:
          "  const { key, firm } = line;\n  (line as { whole?: number }).whole ??= line.qty + line.backordered;\n  const units =",
      },
      {
        file: "actors/stock/hold_ends.ts",
        find: '  const freed = endHold(s, line, "released");',
        replace:
          '  const left = endHold(s, line, "released");\n  const freed = (line as { whole?: number }).whole ?? left;',
      },
    ],
    caughtBy: { faults: "none", commands: 300, seeds: 40 },
  },
  {
    id: "M22",
    what: "need reopened by a policy",
    patches: [
      {
        file: "actors/stock/policies.ts",
        find: "if (plan !== undefined) rare.plan = plan;",
        replace: "if (plan !== undefined) Object.assign(rare, { plan, need: null });",
      },
    ],
    caughtBy: SIMULATION,
  },
  {
    id: "M23",
    what: "release without seal",
    patches: [
      {
        file: "actors/stock/hold_ends.ts",
        find: `export function release(s: Shard, c: Command, key: KeyState): number {
  const named = namedHold(s, c, key);
  if (named !== null) s.place = placeOf(named);
  const fault = wholeFault(s, named);
`,
        replace: `export function release(s: Shard, c: Command, key: KeyState): number {
  const named = namedHold(s, c, key);
  if (named !== null) s.place = placeOf(named);
  const fault = wholeFault(s, named) === HOLD_UNSEALED ? APPLIED : wholeFault(s, named);
`,
      },
    ],
    caughtBy: { faults: ["client", "crash"], commands: 400, seeds: 40 },
  },
];
