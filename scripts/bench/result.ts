// Pure.
// What a bench says: one row for each figure, with what it must reach, whether it did, what it
// survives, and whether the run was correct. A figure of an incorrect run is never ok.

/** What an acknowledged command survives. */
export type Durability =
  /** Written to the log's file before the ack: a killed process or server loses nothing. */
  | "survives a process crash"
  /** Forced to disk before the ack. */
  | "survives power loss"
  /** In memory only: the figure is of the machine or of a read. */
  | "none";

/** The check made on a run before its figure is printed. */
export type Correctness = { ok: boolean; what: string };

export type Target = {
  unit: string;
  /** Whether more is better (a rate) or less (a time, a size). */
  better: "more" | "less";
  must: number;
  aim: number;
};

export type BenchResult = Target & {
  name: string;
  value: number;
  durability: Durability;
  /** value meets must (half of it in a quick run) and every run was correct. */
  ok: boolean;
  correct: Correctness;
  runs: number[];
  /** What `machineSpeed` read before and after the runs: a figure of a slow hour is low. Quick runs have none. */
  speed?: number;
  /** Other figures of the same runs, for people. */
  detail?: Record<string, number | string>;
};

export type MachineFacts = {
  cpu: string;
  cores: number;
  memoryGb: number;
  kernel: string;
  versions: Record<string, string>;
  startedAt: string;
  /** One-minute load average when the bench began: other work on the machine spoils figures. */
  loadAtStart: number;
};

export type BenchReport = {
  machine: MachineFacts;
  durability: Record<string, Durability>;
  quick: boolean;
  /** Of the log, where there was one. */
  shards?: number;
  results: BenchResult[];
};

/** The middle of the runs; the mean of the two middle ones when their number is even. */
export function median(runs: readonly number[]): number {
  if (runs.length === 0) return Number.NaN;
  const sorted = [...runs].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const high = sorted[half] as number;
  return sorted.length % 2 === 1 ? high : ((sorted[half - 1] as number) + high) / 2;
}

/** Value at share `q` (0 to 1) of numbers sorted upwards; nearest rank. */
export function percentile(sorted: Float64Array, q: number): number {
  if (sorted.length === 0) return Number.NaN;
  const rank = Math.max(0, Math.ceil(q * sorted.length) - 1);
  return sorted[rank] as number;
}

/** Makes the row of a figure. A quick run must reach half of what a full one must. */
export function judge(
  name: string,
  target: Target,
  measured: {
    runs: readonly number[];
    correct: Correctness;
    durability: Durability;
    speed?: number;
    detail?: Record<string, number | string>;
  },
  quick: boolean,
): BenchResult {
  const value = round(median(measured.runs));
  const must = quick ? (target.better === "more" ? target.must / 2 : target.must * 2) : target.must;
  const reached = target.better === "more" ? value >= must : value <= must;
  return {
    name,
    value,
    ...target,
    must,
    durability: measured.durability,
    ok: reached && measured.correct.ok,
    correct: measured.correct,
    runs: measured.runs.map(round),
    ...(measured.speed === undefined ? {} : { speed: round(measured.speed) }),
    ...(measured.detail === undefined ? {} : { detail: measured.detail }),
  };
}

/** The report as a table for people. */
export function reportTable(report: BenchReport): string {
  const { machine } = report;
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
  const lines = [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, ${machine.kernel}; load ${machine.loadAtStart} at start`,
    versions.join(", "),
    [
      report.quick ? "quick: one short run each, at half of each must" : "median of the runs",
      ...(report.shards === undefined ? [] : [`${report.shards} shards`]),
    ].join("; "),
    "",
  ];
  const rows = report.results.map((r) => [
    r.ok ? "ok" : "NO",
    r.name,
    `${shown(r.value)} ${r.unit}`,
    shown(r.must),
    shown(r.aim),
    r.correct.ok ? "yes" : "NO",
    r.speed === undefined ? "" : `${shown(r.speed)}/s`,
    r.durability,
  ]);
  const heads = [
    "",
    "what",
    "measured",
    "must",
    "aim",
    "correct",
    "machine then",
    "an acknowledged command",
  ];
  const widths = heads.map((head, i) =>
    Math.max(head.length, ...rows.map((row) => row[i]?.length ?? 0)),
  );
  for (const row of [heads, ...rows])
    lines.push(
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    );
  for (const r of report.results) if (!r.correct.ok) lines.push("", `${r.name}: ${r.correct.what}`);
  return lines.join("\n");
}

function round(value: number): number {
  if (!Number.isFinite(value)) return value;
  if (Math.abs(value) >= 100) return Math.round(value);
  return Number(value.toPrecision(3));
}

function shown(value: number): string {
  if (value < 1000) return String(value);
  return String(Math.round(value)).replaceAll(/\B(?=(?:\d{3})+$)/g, ",");
}
