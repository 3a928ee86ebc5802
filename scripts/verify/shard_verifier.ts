// Owns comparing one shard with what its log gives; verify_system.ts has the list of what is compared.
import { compareLog, isBehind } from "../../actors/runtime/compare.ts";
import { AckedPublisher } from "../../actors/runtime/effect_publisher.ts";
import { loadShard } from "../../actors/runtime/load_shard.ts";
import type { Machine, MachineOptions } from "../../actors/runtime/machine.ts";
import type { RunnerPorts, ShardRow } from "../../actors/runtime/ports.ts";
import { realPorts } from "../../actors/runtime/real_ports.ts";
import { replay } from "../../actors/runtime/replay.ts";
import { stockMachine } from "../../actors/stock/machine.ts";
import type { Level } from "../../shared/decisions.ts";
import { OnhandError } from "../../shared/errors.ts";
import { Gate } from "../../shared/gate.ts";
import type { Database } from "../../shared/postgres.ts";
import type { LevelRegistry, ShardOfEpoch } from "../../shared/registry.ts";
import type { NatsConnection } from "../../streams/connection.ts";
import { streamIdentity } from "../../streams/stream_state.ts";
import { stockStream } from "../../streams/subjects.ts";
import type { Topology } from "../../streams/topology.ts";
import { type Differences, placeOf } from "./difference.ts";
import { LedgerRows } from "./ledger_rows.ts";
import { compareLedger } from "./ledger_sums.ts";
import {
  isBetween,
  mismatches,
  tellRegistry,
  tokensOf,
  type Wrong,
  writeOf,
} from "./registry_check.ts";
import { compareTables } from "./table_sums.ts";

export type VerifyOptions = {
  nc: NatsConnection;
  database: Database;
  registry: LevelRegistry;
  topology: Topology;
  identityDays: number;
  /** Write the registry's wrong levels anew, and forget a watermark the log does not reach. */
  repair: boolean;
  say: (line: string) => void;
};

export type VerifiedShard = {
  shard: number;
  /** First entry folded: 1, or the one after the checkpoint when older ones are trimmed. */
  foldedFrom: number;
  foldedTo: number;
  checkpointSeq: number;
  committedSeq: number;
  keys: number;
  ledgerRows: number;
  digest: string;
};

/** Rounds in which a registry that is being written may settle, and the wait between them, in ms. */
const ROUNDS = 10;
/** Rounds without a new commit after which nothing will settle any more. */
const ROUNDS_STILL = 3;
const ROUND_MS = 300;
const LIMIT_MS = 600_000;

export class ShardVerifier {
  private readonly o: VerifyOptions;
  private readonly shard: number;
  private readonly differences: Differences;
  private readonly machineOptions: MachineOptions;
  private readonly ports: RunnerPorts;
  private poison: ReadonlySet<number> = new Set();
  repaired = 0;
  /** The registry's watermark is beyond the log: of what was not committed nothing in there is believed. */
  isAhead = false;

  constructor(options: VerifyOptions, shard: number, differences: Differences) {
    this.o = options;
    this.shard = shard;
    this.differences = differences;
    const { topology, identityDays, nc } = options;
    this.machineOptions = { ...topology, shard, identityDays };
    const silent = () => {};
    this.ports = realPorts({
      ...options,
      ...topology,
      shard,
      publisher: new AckedPublisher(nc),
      commits: new Gate(1),
      tables: stockMachine.tables,
      journal: { info: silent, warn: silent, error: silent },
    });
  }

  async run(known: Set<string>): Promise<VerifiedShard> {
    const { shard } = this;
    const { epoch } = this.o.topology;
    const loaded = await loadShard(this.ports.store, stockMachine, this.machineOptions);
    const { row, poison, machine: restored } = loaded;
    this.poison = poison;
    await this.checkpoint(row.checkpointSeq);
    const isSameLog = await this.log(row);
    const folded = isSameLog
      ? await this.fold(restored, row.checkpointSeq)
      : { machine: restored, foldedFrom: row.checkpointSeq + 1 };
    const { machine, foldedFrom } = folded;
    if (isSameLog) {
      await this.foldTo(machine, row.committedSeq);
      await this.registry(machine);
    }
    let keys = 0;
    for (const key of machine.keys()) {
      known.add(placeOf(machine.level(key)));
      keys++;
    }
    return {
      shard,
      foldedFrom,
      foldedTo: machine.position().seq,
      checkpointSeq: row.checkpointSeq,
      committedSeq: row.committedSeq,
      keys,
      ledgerRows: await this.ledgerRows(machine.position().seq),
      digest: `${epoch}.${shard}.${machine.position().seq}.${machine.digest()}`,
    };
  }

  /** Whether the log is the one that was folded; another one, or a cut one, cannot be folded again. */
  private async log(row: ShardRow): Promise<boolean> {
    const { epoch } = this.o.topology;
    const identity = await streamIdentity(this.o.nc, stockStream(epoch, this.shard));
    const fault = await compareLog(this.ports.log, identity, {
      streamCreated: row.streamCreated,
      marks: [row.committed, row.checkpoint],
      foldedSeq: row.committedSeq,
      watermark: undefined,
    });
    if (fault === undefined) return true;
    this.differences.add({
      between: "log",
      shard: this.shard,
      sku: "",
      location: "",
      field: fault.reason,
      expected: "the log that was folded",
      found: fault.message,
    });
    return false;
  }

  /** In one view: the checkpoint may move on while we look, then the rows of the ledger up to it do too. */
  private async checkpoint(checkpointSeq: number): Promise<void> {
    const of = { epoch: this.o.topology.epoch, shard: this.shard };
    await this.o.database.transaction(
      async (sql) => {
        const [row] = await sql<{ seq: number }[]>`
          select checkpoint_seq as seq from shard where epoch = ${of.epoch} and shard = ${of.shard}`;
        await compareLedger(sql, { ...of, toSeq: row?.seq ?? checkpointSeq }, this.differences);
        await compareTables(sql, of, this.differences);
      },
      { mode: "isolation level repeatable read read only", timeLimitMs: LIMIT_MS },
    );
  }

  private async ledgerRows(toSeq: number): Promise<number> {
    const { epoch } = this.o.topology;
    const [counted] = await this.o.database.run(
      (sql) => sql<{ rows: number }[]>`
        select count(*)::int8 as rows from stock_transaction
        where epoch = ${epoch} and shard = ${this.shard} and seq <= ${toSeq} and outcome = 'applied'`,
      LIMIT_MS,
    );
    return counted?.rows ?? 0;
  }

  /** The log folded from its first entry to the checkpoint, and compared with the restored state. */
  private async fold(restored: Machine, checkpointSeq: number) {
    const stream = stockStream(this.o.topology.epoch, this.shard);
    const { firstSeq } = await streamIdentity(this.o.nc, stream);
    if (firstSeq > 1) return { machine: restored, foldedFrom: checkpointSeq + 1 };
    const machine = stockMachine.create(this.machineOptions);
    await this.foldTo(machine, checkpointSeq);
    if (machine.digest() !== restored.digest()) this.tellFold(machine, restored);
    return { machine, foldedFrom: 1 };
  }

  /** Folds on to `toSeq`, which must be committed, and compares the rows that gives with the ledger's. */
  private async foldTo(machine: Machine, toSeq: number): Promise<void> {
    let told = performance.now();
    const rows = new LedgerRows({
      database: this.o.database,
      epoch: this.o.topology.epoch,
      shard: this.shard,
      afterSeq: machine.position().seq,
      differences: this.differences,
    });
    await replay(this.ports, {
      machine,
      options: this.machineOptions,
      poison: this.poison,
      toSeq,
      onRows: (made) => rows.add(made),
      onProgress: (seq) => {
        if (performance.now() - told < 1_000) return;
        told = performance.now();
        this.o.say(`shard ${this.shard}: folded ${seq} of ${toSeq} entries`);
      },
    });
    await rows.upTo(toSeq);
  }

  private tellFold(folded: Machine, restored: Machine): void {
    const { shard } = this;
    const levels = new Map<string, string>();
    for (const key of restored.keys()) {
      const level = restored.level(key);
      levels.set(placeOf(level), JSON.stringify(level));
    }
    const before = this.differences.total;
    for (const key of folded.keys()) {
      const level = folded.level(key);
      const { sku, location } = level;
      const found = levels.get(placeOf({ sku, location }));
      const expected = JSON.stringify(level);
      if (found !== expected)
        this.differences.add({
          between: "fold",
          shard,
          sku,
          location,
          field: "level",
          expected: level,
          found: found === undefined ? undefined : JSON.parse(found),
        });
    }
    if (this.differences.total > before) return;
    this.differences.add({
      between: "fold",
      shard,
      sku: "",
      location: "",
      field: "digest",
      expected: folded.digest(),
      found: restored.digest(),
    });
  }

  private async registry(machine: Machine): Promise<void> {
    const { registry, repair, topology } = this.o;
    const of = { epoch: topology.epoch, shard: this.shard };
    await this.watermark(of);
    let wrong = await mismatches(registry, machine, machine.keys());
    let still = 0;
    for (let round = 0; wrong.length > 0 && round < ROUNDS && still < ROUNDS_STILL; round++) {
      const beforeSeq = machine.position().seq;
      await new Promise((resolve) => setTimeout(resolve, ROUND_MS));
      // What is newer there than here may be right: fold what was committed meanwhile, and look again.
      await this.foldTo(machine, await this.committedSeq());
      wrong = await mismatches(
        registry,
        machine,
        wrong.map(({ key }) => key),
      );
      // Decided but not committed yet: right as far as anybody can tell.
      const lastSeq = await this.lastSeq();
      const isOpen = (found: Level | undefined) =>
        found !== undefined &&
        !this.isAhead &&
        isBetween(found.version, machine.position().seq, lastSeq);
      wrong = wrong.filter(({ found }) => !isOpen(found));
      still = machine.position().seq === beforeSeq ? still + 1 : 0;
    }
    for (const one of wrong)
      tellRegistry(this.differences, this.shard, machine.level(one.key), one);
    if (!repair) return;
    if (wrong.length > 0) await this.repairLevels(machine, wrong);
    if (!this.isAhead) return;
    await registry.forgetWatermark(of);
    this.repaired++;
  }

  /** What the runner wrote meanwhile stays: it is newer than what was found, and than the fold's. S18 */
  private async repairLevels(machine: Machine, wrong: readonly Wrong[]): Promise<void> {
    const { registry, topology } = this.o;
    const levels = wrong.map(({ key }) => machine.level(key));
    const found = wrong.flatMap(({ text }, i) =>
      text === undefined ? [] : [{ ...tokensOf(levels[i] as Level), text }],
    );
    this.repaired += wrong.length - found.length;
    if (found.length > 0) this.repaired += await registry.remove(found);
    await registry.write({ epoch: topology.epoch, shard: this.shard }, levels.map(writeOf));
  }

  /** A shard halts on a watermark that its log does not reach. */
  private async watermark(of: ShardOfEpoch): Promise<void> {
    const found = await this.o.registry.watermark(of);
    const lastSeq = await this.lastSeq();
    this.isAhead = await isBehind(this.ports.log, lastSeq, found);
    if (!this.isAhead) return;
    const base = { between: "registry", shard: this.shard, sku: "", location: "" } as const;
    this.differences.add({ ...base, field: "watermark", expected: lastSeq, found });
  }

  private async lastSeq(): Promise<number> {
    const stream = stockStream(this.o.topology.epoch, this.shard);
    return (await streamIdentity(this.o.nc, stream)).lastSeq;
  }

  private async committedSeq(): Promise<number> {
    const { epoch } = this.o.topology;
    const [row] = await this.o.database.run(
      (sql) => sql<{ seq: number }[]>`
        select committed_seq as seq from shard where epoch = ${epoch} and shard = ${this.shard}`,
    );
    if (row === undefined) throw new OnhandError("verify_failed", "Cannot verify: no shard row");
    return row.seq;
  }
}
