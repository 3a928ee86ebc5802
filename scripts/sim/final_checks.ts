// Owns what must hold when all trouble is over: one truth, wherever it is asked for.
import type { LedgerRow } from "../../actors/runtime/ledger_row.ts";
import type { MachineFactory, MachineOptions, Restore } from "../../actors/runtime/machine.ts";
import type { OutboxRow } from "../../actors/runtime/ports.ts";
import type { Snapshot } from "../../actors/stock/changes.ts";
import { FILTER_TABLE } from "../../actors/stock/tables.ts";
import type { Decision, Level } from "../../shared/decisions.ts";
import { toToken } from "../../streams/subjects.ts";
import { type Checks, DIGEST_EVERY, difference, haltOf } from "./checks.ts";
import type { House } from "./house.ts";
import { checkNeeds, checkTransfers } from "./need_checks.ts";
import type { Oracle } from "./oracle.ts";
import { OracleChecks } from "./oracle_checks.ts";
import { type Replay, replay } from "./replay.ts";
import type { ShardStore } from "./store.ts";

/**
 * Every shard's truth, everywhere. The owners have drained: their checkpoints stand at the log's end.
 * @param factory makes the machine of the replay: one that nobody watches
 */
export function finalChecks(house: House, checks: Checks, factory: MachineFactory): void {
  const oracles: Oracle[] = [];
  for (const shard of house.streams.keys()) {
    if (checks.failure !== undefined) return;
    const { machine, shards } = house.options;
    const options: MachineOptions = { epoch: house.epoch, shard, shards, ...machine };
    // Ticks may still have come while the owners drained.
    const committedSeq = house.store.shards[shard]?.row.committedSeq ?? 0;
    const log = (house.streams[shard]?.history ?? []).slice(0, committedSeq);
    const isTampered = house.streams[shard]?.isTampered === true;
    if (isTampered && isHaltedRightly(house, checks, shard)) continue;
    const comparison = new OracleChecks(checks, options);
    const pure = replay(factory, options, log, (entry, fold, decisions) => {
      if (entry.seq % DIGEST_EVERY === 0 && !isTampered) checks.compareDigest(shard, fold);
      comparison.onEntry(entry, fold, decisions);
    });
    comparison.onEnd(pure.machine, pure.rows);
    checkLedger(checks, shard, house.store.shards[shard]?.ledger ?? [], pure);
    checkEffects(house, checks, shard, pure);
    checkRestore(house, checks, factory, options, pure);
    if (!isTampered) {
      checkDecisions(checks, shard, pure);
      checkLevels(house, checks, shard, pure);
    }
    checkRequests(checks, pure.rows);
    if (checks.failure !== undefined) return;
    const { oracle } = comparison;
    checkNeeds(checks, options, log, pure, oracle);
    checkTransfers(checks, pure, oracle);
    if (!isTampered) oracles.push(oracle);
  }
  if (oracles.length === house.streams.length) checkOneOutcome(checks, oracles);
}

/** S20: what home decided of a hold over several shards is what becomes of its lines everywhere. */
function checkOneOutcome(checks: Checks, oracles: readonly Oracle[]): void {
  const holds = oracles.flatMap(({ state }) => state.holds.filter((hold) => hold.group?.home));
  for (const [id, lines] of Map.groupBy(holds, (hold) => hold.hold)) {
    const outcomes = new Set(lines.flatMap((line) => line.group?.outcome ?? []));
    checks.expect(
      outcomes.size <= 1,
      () => `S20: hold ${id} was sealed as ${[...outcomes].join(" and ")}`,
    );
    const home = lines.find((line) => line.group?.isHome);
    if (home?.status !== "fulfilled" && home?.status !== "released") continue;
    for (const { key, status } of lines)
      checks.expect(
        status === home.status || status === "expired",
        () =>
          `S20: hold ${id} is ${home.status} at home and ${status} at ${nameOf(key.sku, key.location)}`,
      );
  }
}

/** What was committed of a log that no longer says so is never gone on from; true when the shard halted. */
function isHaltedRightly(house: House, checks: Checks, shard: number): boolean {
  const owner = house.owners[shard]?.name ?? "";
  const isHalted = checks.halts.has(haltOf(owner, shard));
  const row = house.store.shards[shard]?.row;
  const stands = house.streams[shard]?.history[(row?.committedSeq ?? 0) - 1];
  const isOther =
    row?.committed !== undefined && row.committed.appendedAtMs !== stands?.appendedAtMs;
  checks.expect(
    isHalted || !isOther,
    () => `shard ${shard} goes on although entry ${row?.committedSeq}, which it committed, is gone`,
  );
  return isHalted;
}

/** S3, S4: what the shard's owners decided is what the log says. */
function checkDecisions(checks: Checks, shard: number, pure: Replay): void {
  for (const [seq, decisions] of pure.decisions) {
    const place = `${shard}/${seq}`;
    checks.expect(checks.folded.has(place), () => `S1: entry ${place} was never folded`);
    const text = `[${decisions.join(",")}]`;
    const told = checks.decisions.get(place) ?? text;
    checks.expect(
      told === text,
      () => `S3: entry ${place} was decided otherwise: ${difference(told, text)}`,
    );
    for (const decision of decisions) checkRepeat(checks, shard, JSON.parse(decision), pure);
  }
}

const KEPT_OF_LEVELS = [
  "sellable",
  "reserved",
  "backordered",
  "inTransit",
  "onOrder",
  "onHand",
] as const;

/** S4: a repeat is told what the first was told, from whichever tier of what is remembered. */
function checkRepeat(checks: Checks, shard: number, repeat: Decision, pure: Replay): void {
  if (repeat.outcome !== "duplicate" || repeat.level === undefined) return;
  const texts = pure.decisions.get(repeat.seq) ?? [];
  const first = texts
    .map((text) => JSON.parse(text) as Decision)
    .find(({ index }) => index === repeat.index);
  const kept = (level: Partial<Level> | undefined) =>
    KEPT_OF_LEVELS.map((name) => `${name} ${level?.[name]}`).join(", ");
  checks.expect(
    first?.outcome === repeat.first && kept(first?.level) === kept(repeat.level),
    () =>
      `S4: ${repeat.id} of shard ${shard} was told ${kept(first?.level)}, and again ${kept(repeat.level)}`,
  );
}

/** S1, S2, S11: the ledger holds every row of the fold exactly once, in order. */
function checkLedger(
  checks: Checks,
  shard: number,
  ledger: readonly LedgerRow[],
  pure: Replay,
): void {
  const rows = Math.max(ledger.length, pure.rows.length);
  for (let i = 0; i < rows && checks.failure === undefined; i++) {
    const [kept, folded] = [rowText(ledger[i]), rowText(pure.rows[i])];
    checks.expect(
      kept === folded,
      () => `S2: row ${i} of the ledger of shard ${shard} differs: ${difference(kept, folded)}`,
    );
  }
}

function rowText(row: LedgerRow | undefined): string {
  if (row === undefined) return "(none)";
  fields ??= Object.keys(row).sort() as (keyof LedgerRow)[];
  // The digest is a 32-bit pattern; which sign it has is nobody's business.
  const values = fields.map((field) => (field === "digest" ? row.digest >>> 0 : row[field]));
  return JSON.stringify(values);
}

let fields: (keyof LedgerRow)[] | undefined;

/** S13: every effect of the fold was committed once and published at least once, in order, under one id. */
function checkEffects(house: House, checks: Checks, shard: number, pure: Replay): void {
  const store = house.store.shards[shard];
  const wanted = pure.effects.map(
    (effect) => `${effect.message.id} ${JSON.stringify(effect.message)}`,
  );
  const kept = (store?.outboxEver ?? []).map((row) => `${row.effectId} ${row.payload}`);
  checks.expect(
    wanted.join("\n") === kept.join("\n"),
    () => `S13: effects of shard ${shard}: ${difference(kept.join("\n"), wanted.join("\n"))}`,
  );
  for (const { message, kind } of pure.effects)
    checks.expect(
      kind === "command" || isOfPosition(message),
      () => `S13: effect ${message.id} does not tell its position`,
    );
  const ids = new Set(pure.effects.map((effect) => effect.message.id));
  checks.expect(ids.size === wanted.length, () => `S13: shard ${shard} uses an effect id twice`);
  checkPublished(house, checks, shard, store?.outboxEver ?? []);
}

/** No two epochs, shards, entries or commands share an id: it ends with the position and an ordinal. */
function isOfPosition(message: object): boolean {
  const { id, epoch, shard, seq, index } = message as Record<string, unknown>;
  return new RegExp(`\\.${epoch}\\.${shard}\\.${seq}\\.${index}\\.\\d+$`).test(String(id));
}

/** At least once, always with the same content; those of one subject in order. */
function checkPublished(
  house: House,
  checks: Checks,
  shard: number,
  committed: readonly OutboxRow[],
): void {
  const told = new Map<string, OutboxRow>();
  for (const { shard: by, row } of house.effects.published) {
    // A halt is told at once: nothing could be committed any more.
    if (by !== shard || row.subject.startsWith("inv.alert.shardHalted.")) continue;
    const before = told.get(row.effectId) ?? row;
    if (!told.has(row.effectId)) told.set(row.effectId, row);
    checks.expect(
      before.payload === row.payload,
      () => `S13: effect ${row.effectId} was published with two contents`,
    );
  }
  const idsBySubject = (rows: Iterable<OutboxRow>): string => {
    const groups = Map.groupBy(rows, (row) => row.subject);
    const lines = [...groups].map(
      ([subject, list]) => `${subject}: ${list.map((row) => row.effectId).join(" ")}`,
    );
    return lines.sort().join("\n");
  };
  const [published, wanted] = [idsBySubject(told.values()), idsBySubject(committed)];
  checks.expect(
    published === wanted,
    () => `S13: published effects of shard ${shard}: ${difference(published, wanted)}`,
  );
}

/** S3: what the last checkpoint restores to is what the log folds to. */
function checkRestore(
  house: House,
  checks: Checks,
  factory: MachineFactory,
  options: MachineOptions,
  pure: Replay,
): void {
  const { shard } = options;
  const store = house.store.shards[shard];
  const restores: Restore[] = [];
  const loaded = store?.load(factory.tables, (head) => {
    restores.push(factory.restore(options, head));
    return restores[0];
  });
  const at = pure.machine.position().seq;
  checks.expect(
    loaded?.row.committedSeq === at && loaded.row.checkpointSeq === at,
    () =>
      `shard ${shard} drained at ${loaded?.row.committedSeq}, checkpoint ${loaded?.row.checkpointSeq}, the log ends at ${at}`,
  );
  const [restore] = restores;
  if (restore === undefined || checks.failure !== undefined) return;
  checkFilter(checks, shard, store);
  const digest = restore.machine().digest();
  checks.expect(
    digest === pure.machine.digest(),
    () => `S3: shard ${shard} restored at ${at} has another digest than its replay`,
  );
}

/** S12: a restore adds the identities from `filtered` on to the filter; those written in it must stand before. */
function checkFilter(checks: Checks, shard: number, store: ShardStore | undefined): void {
  if (store === undefined) return;
  const { filtered } = (store.snapshot as Snapshot).recent;
  let written = 0;
  for (const row of store.tables.get(FILTER_TABLE.name)?.values() ?? [])
    written += row.count as number;
  checks.expect(
    written <= filtered,
    () => `S12: shard ${shard} has ${written} identities in filter rows, and says ${filtered}`,
  );
}

/** S7, S18: ledger sums, the machine, the table of levels and the registry tell the same. */
function checkLevels(house: House, checks: Checks, shard: number, pure: Replay): void {
  const sums = ledgerSums(pure.rows);
  const table = house.store.shards[shard]?.tables.get("stock_level");
  const rows = new Map(
    [...(table?.values() ?? [])].map((row) => [nameOf(String(row.sku), String(row.location)), row]),
  );
  for (const key of pure.machine.keys()) {
    const level = pure.machine.level(key);
    const name = nameOf(level.sku, level.location);
    const sum = sums.get(name) ?? new Sums();
    const told = sum.difference(level);
    checks.expect(told === "", () => `S7: ledger of ${name} does not sum to its level: ${told}`);
    const row = rows.get(name);
    const inTable = [row?.sellable, row?.unavailable, row?.reserved, row?.available, row?.version];
    const wanted = [
      level.sellable,
      level.onHand - level.sellable,
      level.reserved,
      level.available,
      level.version,
    ];
    checks.expect(
      JSON.stringify(inTable) === JSON.stringify(wanted),
      () =>
        `S7: stock_level of ${name} is ${JSON.stringify(inTable)}, the level is ${JSON.stringify(wanted)}`,
    );
    const visible = house.registry.levels.get(`${toToken(level.sku)} ${toToken(level.location)}`);
    const text = JSON.stringify(level);
    checks.expect(
      visible?.json === text,
      () => `S18: the registry shows of ${name}: ${difference(visible?.json ?? "(nothing)", text)}`,
    );
  }
  const at = pure.machine.position().seq;
  const watermark = house.registry.watermarks.get(shard) ?? 0;
  checks.expect(
    watermark === at,
    () => `S18: watermark of shard ${shard} is ${watermark}, wanted ${at}`,
  );
}

class Sums {
  sellable = 0;
  reserved = 0;
  backordered = 0;
  inTransit = 0;
  onOrder = 0;
  readonly buckets = new Map<string, number>();

  add(row: LedgerRow): void {
    this.sellable += row.deltaSellable;
    this.reserved += row.deltaReserved;
    this.backordered += row.deltaBackordered;
    this.inTransit += row.deltaInTransit;
    this.onOrder += row.deltaOnOrder;
    if (row.bucket !== null)
      this.buckets.set(row.bucket, (this.buckets.get(row.bucket) ?? 0) + row.deltaBucket);
  }

  difference(level: Level): string {
    const parts: string[] = [];
    for (const field of ["sellable", "reserved", "backordered", "inTransit", "onOrder"] as const)
      if (this[field] !== level[field]) parts.push(`${field} ${this[field]} for ${level[field]}`);
    for (const bucket of new Set([...this.buckets.keys(), ...Object.keys(level.unavailable)])) {
      const [summed, told] = [this.buckets.get(bucket) ?? 0, level.unavailable[bucket] ?? 0];
      if (summed !== told) parts.push(`${bucket} ${summed} for ${told}`);
    }
    return parts.join(", ");
  }
}

function ledgerSums(rows: readonly LedgerRow[]): Map<string, Sums> {
  const sums = new Map<string, Sums>();
  for (const row of rows) {
    const name = nameOf(row.sku, row.location);
    const sum = sums.get(name) ?? new Sums();
    sums.set(name, sum);
    sum.add(row);
  }
  return sums;
}

const nameOf = (sku: string, location: string): string => JSON.stringify([sku, location]);

const REQUESTS = new Set([
  "hold",
  "extend",
  "fulfill",
  "release",
  "policy",
  "order",
  "seal",
  "tick",
]);

/** S5: no request makes available negative, or more negative. */
function checkRequests(checks: Checks, rows: readonly LedgerRow[]): void {
  for (const row of rows) {
    if (!REQUESTS.has(row.type)) continue;
    const lowered = row.deltaSellable - row.deltaReserved < 0;
    checks.expect(
      !lowered || row.sellable - row.reserved >= 0,
      () =>
        `S5: ${row.type} at ${row.shard}/${row.seq} leaves ${row.sellable - row.reserved} available`,
    );
  }
}
