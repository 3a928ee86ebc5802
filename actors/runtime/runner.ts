// Owns one shard: its machine, the reading of its log and what becomes of every entry.
//
//     read in order -> apply -> reply, levels -> commit (ledger, outbox) -> relay      and, now and then, checkpoint
//
// S1, S11: entries come from the reader one by one without gap; each is folded or skipped as poison. S3: whatever
// happens here, the fold is a function of the log; entries up to the committed position are folded with rows
// and effects held back (they are durable). S17: the log is trimmed behind the checkpoint only.
// Everything outside is a port (ports.ts): no clock, timer or server is used directly.
//
//     loading -> running -> draining -> stopped
//        ^          |  \-> halted    (the log is not ours, the store refuses: a person is needed)
//        +----------+   \-> fenced   (another owner committed: stand down)
//        apply threw: fold again from the checkpoint; the second time the entry is set aside
//        an invariant beside it is broken: fold again; halted when that does not help
import { describeError, OnhandError } from "../../shared/errors.ts";
import { APPLY_FAILURES_MAX, BROKEN_MAX, DRAIN_MS_MAX } from "../../shared/limits.ts";
import { Committer } from "./committer.ts";
import { compareLog } from "./compare.ts";
import { Fold } from "./fold.ts";
import { haltAlert } from "./halt_alert.ts";
import { Levels } from "./levels.ts";
import { loadShard } from "./load_shard.ts";
import { whoCut } from "./log_cut.ts";
import { checkpointOf, type Machine, type MachineFactory } from "./machine.ts";
import { recordPoison } from "./poison.ts";
import type {
  LogFault,
  LogIdentity,
  LogReading,
  OutboxRow,
  RunnerPorts,
  ShardRow,
} from "./ports.ts";
import { Relay } from "./relay.ts";
import { pause, retrying } from "./retry.ts";
import type { RunnerEvents, RunnerOptions, RunnerState, RunnerStatus } from "./runner_types.ts";
import { raiseAlert } from "./shard_alert.ts";
import { Ticker } from "./ticker.ts";
import { Trimmer } from "./trimmer.ts";

/** What lives from one load of the checkpoint to the next. */
type Life = {
  machine: Machine;
  committer: Committer;
  levels: Levels;
  fold: Fold;
  ticker: Ticker;
  trimmer: Trimmer;
  reading: LogReading;
};

export class Runner {
  private readonly ports: RunnerPorts;
  private readonly factory: MachineFactory;
  private readonly options: RunnerOptions;
  private readonly events: RunnerEvents;
  private readonly relay: Relay;
  private life: Life | undefined;
  private state: RunnerState = "loading";
  private why: { reason: string; message: string } | undefined;
  private threw: { seq: number; message: string } | undefined;
  private failures = 0;
  /** Where an invariant first broke that no checkpoint got beyond, and how often since. */
  private broken: { seq: number; times: number } | undefined;
  private lives = 0;
  private commands = 0;

  constructor(
    ports: RunnerPorts,
    factory: MachineFactory,
    options: RunnerOptions,
    events: RunnerEvents = {},
  ) {
    this.ports = ports;
    this.factory = factory;
    this.options = options;
    this.events = events;
    this.relay = new Relay(ports);
  }

  /** Loads the checkpoint and starts reading; resolves once reading starts or the runner has ended. */
  async start(): Promise<void> {
    await this.load();
  }

  /** Stops reading, commits what was decided with a checkpoint, and ends. Safe to call again. */
  async stop(): Promise<void> {
    if (this.state === "loading") this.setState("stopped");
    const { life } = this;
    if (this.state === "running" && life !== undefined) {
      this.setState("draining");
      life.ticker.end();
      life.trimmer.end();
      await life.reading.stop();
      life.fold.end();
      await this.limited(life.committer.flush({ checkpoint: true }));
      await this.limited(this.relay.drained());
    }
    this.kill();
  }

  /** As a crash would: nothing is saved. */
  kill(): void {
    if (this.state !== "halted" && this.state !== "fenced") this.setState("stopped");
    this.endLife();
    this.relay.end();
  }

  status(): RunnerStatus {
    const { epoch, shard } = this.options;
    const { life } = this;
    const position = life?.machine.position();
    return {
      epoch,
      shard,
      state: this.state,
      ...(this.why === undefined ? {} : { why: this.why }),
      appliedSeq: position?.seq ?? 0,
      committedSeq: life?.committer.committedSeq ?? 0,
      checkpointSeq: life?.committer.checkpointSeq ?? 0,
      lag: (life?.reading.lag ?? 0) + (life?.fold.queued ?? 0),
      uncommittedRows: life?.committer.uncommittedRows ?? 0,
      commands: this.commands + (life?.fold.commands ?? 0),
      store: life?.committer.storeAway ? "away" : "ok",
      registry: life?.levels.registryAway ? "away" : life?.levels.isCurrent ? "ok" : "behind",
      effectsWaiting: this.relay.waiting,
      logTimeMs: position?.nowMs ?? 0,
    };
  }

  /** The machine's digest and position, for tests and verification. */
  digest(): { seq: number; digest: string } | undefined {
    const machine = this.life?.machine;
    return machine && { seq: machine.position().seq, digest: machine.digest() };
  }

  // ---------------------------------------------------------------- loading

  private async load(): Promise<void> {
    const number = ++this.lives;
    try {
      const loaded = await this.fromStore(number);
      if (loaded === undefined) return;
      const { row, poison, machine } = loaded;
      // After the load, and at each: what others committed before must not be forgotten as published.
      if (this.options.muted !== true) this.relay.reread();
      this.life = this.begin(machine, row, poison, number);
      this.setState("running");
    } catch (error) {
      const told = describeError(error);
      if (error instanceof OnhandError && error.code === "apply_version")
        this.halt(error.code, told);
      else this.halt("load_failed", `Cannot load the checkpoint: ${told}`);
    }
  }

  private async fromStore(number: number) {
    const { clock, store, journal } = this.ports;
    return retrying(clock, () => loadShard(store, this.factory, this.options), {
      isWanted: () => number === this.lives && this.state === "loading",
      onWait: (error) =>
        journal.warn({ error: describeError(error) }, "waiting for Postgres to load"),
    });
  }

  private begin(
    machine: Machine,
    row: ShardRow,
    poison: ReadonlySet<number>,
    number: number,
  ): Life {
    const { epoch, shard, shards } = this.options;
    const isCurrent = () => number === this.lives;
    const onHalt = (reason: string, message: string) => {
      if (isCurrent()) this.halt(reason, message);
    };
    const onBroken = (error: unknown) => {
      if (isCurrent()) void this.startOver(error);
    };
    const committer = new Committer(
      this.ports,
      row,
      {
        owner: `${this.options.owner}.${number}`,
        applyVersion: this.factory.applyVersion,
        commitIntervalMs: this.options.commitIntervalMs,
        checkpointIntervalMs: this.options.checkpointIntervalMs,
        checkpointPhase: shard / Math.max(1, shards),
      },
      {
        takeCheckpoint: (seq) =>
          machine.position().seq === seq ? checkpointOf(machine) : undefined,
        onCommitted: (outbox, more) => {
          if (isCurrent()) this.onCommitted(outbox, more);
        },
        onFenced: (found) => {
          if (isCurrent()) this.fence(found);
        },
        onHalt,
        onBroken,
      },
    );
    const baseSeq = machine.position().seq;
    const levels = new Levels(this.ports, machine, { epoch, shard, baseSeq }, { onHalt });
    const fold = new Fold(this.ports, machine, {
      options: this.options,
      poison,
      mutedTo: row.committedSeq,
      committer,
      levels,
      onThrow: (seq, error) => {
        if (isCurrent()) void this.recover(seq, error);
      },
      onHalt,
      onBroken,
      onBusy: (isBusy) => {
        if (isBusy) this.life?.reading.pause();
        else this.life?.reading.resume();
      },
      onApplied: () => this.life?.ticker.poll(),
    });
    const ticker = new Ticker(this.ports, machine, this.options.muted === true);
    const trimmer = new Trimmer(this.ports, committer, this.options);
    const reading = this.ports.log.read({
      fromSeq: machine.position().seq + 1,
      onEntry: (entry) => fold.push(entry),
      onHalt: (reason, message) => {
        if (!isCurrent()) return;
        if (reason === "log_cut") void this.onCut(message, committer);
        else this.halt(reason, message);
      },
      verify: (identity) => this.verify(identity, { committer, levels, machine }),
      onWait: (error) =>
        this.ports.journal.warn(
          { error: describeError(error) },
          "waiting for NATS to open the log",
        ),
      onOpen: (identity) => {
        committer.streamCreated = identity.created;
        levels.logLastSeq = Math.max(levels.logLastSeq, identity.lastSeq);
        fold.flush();
        ticker.poll();
      },
    });
    trimmer.start();
    return { machine, committer, levels, fold, ticker, trimmer, reading };
  }

  private async verify(
    identity: LogIdentity,
    { committer, levels, machine }: Pick<Life, "committer" | "levels" | "machine">,
  ): Promise<LogFault | undefined> {
    const watermark = await this.ports.registry.watermark().catch(() => undefined);
    levels.shownSeq = watermark ?? 0;
    return compareLog(this.ports.log, identity, {
      streamCreated: committer.streamCreated,
      marks: [committer.mark, committer.checkpoint],
      foldedSeq: machine.position().seq,
      watermark,
    });
  }

  // ---------------------------------------------------------------- what happens

  private onCommitted(outbox: readonly OutboxRow[], more: boolean): void {
    const { life } = this;
    if (life === undefined) return;
    if (more) this.relay.reread();
    else this.relay.add(outbox);
    life.fold.onCommitted();
    this.failures = 0;
    this.events.onCommitted?.(life.committer.committedSeq);
  }

  /** `apply` threw: what stands before the entry is committed, then all is folded again. */
  private async recover(seq: number, error: unknown): Promise<void> {
    const { life } = this;
    if (life === undefined) return;
    const message = describeError(error);
    this.ports.journal.error({ seq, error: message }, "apply threw: folding again");
    const again = this.threw?.seq === seq;
    this.threw = { seq, message };
    this.setState("loading");
    this.calm(life);
    const number = this.lives;
    await life.committer.flush({ checkpoint: false });
    if (number !== this.lives || this.state !== "loading") return;
    this.endLife();
    this.failures++;
    if (this.failures > APPLY_FAILURES_MAX) {
      this.halt("apply_failed", `Cannot fold entry ${seq}: ${message}`);
      return;
    }
    if (again && !(await this.setAside(seq, message))) return;
    await this.load();
  }

  private async setAside(seq: number, message: string): Promise<boolean> {
    const number = this.lives;
    const isWanted = () => number === this.lives && this.state === "loading";
    try {
      return await recordPoison(this.ports, { seq, message, isWanted });
    } catch (error) {
      this.halt("poison_refused", `Cannot set entry ${seq} aside: ${describeError(error)}`);
      return false;
    }
  }

  private async onCut(message: string, { committedSeq }: Committer): Promise<void> {
    const number = this.lives;
    const isWanted = () => number === this.lives && !this.isOver;
    const found = await whoCut(this.ports, message, { committedSeq, isWanted });
    if (found === undefined) return;
    if ("by" in found) this.fence(found.by);
    else this.halt("log_cut", found.cut);
  }

  /** An invariant is broken: nothing more of this life is committed, and all is folded again, unless that was in vain. */
  private async startOver(error: unknown): Promise<void> {
    const { life } = this;
    if (life === undefined || this.state !== "running") return;
    const { seq } = life.machine.position();
    const message = describeError(error);
    this.ports.journal.error({ seq, error: message }, "an invariant is broken: folding again");
    this.setState("loading");
    life.fold.end();
    this.calm(life);
    const number = this.lives;
    await life.committer.settle();
    if (number !== this.lives || this.isOver) return;
    const { checkpointSeq } = life.committer;
    if (this.broken === undefined || checkpointSeq >= this.broken.seq)
      this.broken = { seq, times: 0 };
    if (++this.broken.times >= BROKEN_MAX) {
      this.halt("invariant_broken", `Cannot go on at entry ${seq}: ${message}`);
      return;
    }
    this.endLife();
    await this.load();
  }

  private calm(life: Life): void {
    void life.reading.stop();
    life.ticker.end();
    life.trimmer.end();
    life.levels.end();
  }

  private fence(found: string): void {
    if (this.isOver) return;
    const message = `Another owner committed (${found}): standing down`;
    this.finish("fenced", "fenced", message);
    this.ports.journal.warn({}, message);
  }

  private halt(reason: string, message: string): void {
    if (this.isOver) return;
    const committedSeq = this.life?.committer.committedSeq ?? 0;
    this.finish("halted", reason, message);
    this.ports.journal.error({ reason }, message);
    const { epoch, shard } = this.options;
    raiseAlert(this.ports, haltAlert({ epoch, shard, reason, message, committedSeq }));
  }

  private get isOver(): boolean {
    return this.state === "halted" || this.state === "fenced" || this.state === "stopped";
  }

  private finish(state: "halted" | "fenced", reason: string, message: string): void {
    this.why = { reason, message };
    this.setState(state);
    const { life } = this;
    life?.committer.end();
    life?.fold.end();
    if (life !== undefined) this.calm(life);
    this.relay.end();
    this.events.onEnd?.(state, this.why);
  }

  private endLife(): void {
    const { life } = this;
    this.lives++;
    if (life === undefined) return;
    this.life = undefined;
    this.commands += life.fold.commands;
    life.fold.end();
    life.committer.end();
    this.calm(life);
  }

  private setState(state: RunnerState): void {
    if (this.state === state) return;
    this.state = state;
    this.events.onState?.(state);
  }

  private async limited(work: Promise<void>): Promise<void> {
    await Promise.race([work, pause(this.ports.clock, DRAIN_MS_MAX)]);
  }
}
