// The committer alone, with a store that does what the test says.
import { describe, expect, test } from "vitest";
import { Committer } from "../../../actors/runtime/committer.ts";
import { emptyOutput, type LogEntry, type Output } from "../../../actors/runtime/machine.ts";
import type {
  Commit,
  CommitOutcome,
  RunnerPorts,
  ShardRow,
} from "../../../actors/runtime/ports.ts";
import { realClock } from "../../../actors/runtime/real_ports.ts";
import { NEW_SHARD_ROW } from "../../../scripts/sim/store.ts";
import { AssertionError } from "../../../shared/assert.ts";
import { OnhandError } from "../../../shared/errors.ts";
import { UNCOMMITTED_EFFECTS_MAX } from "../../../shared/limits.ts";
import { until } from "./support/house.ts";
import { LEDGER_ROW } from "./support/ledger_row.ts";

const entry = (seq: number): LogEntry => ({
  seq,
  appendedAtMs: seq,
  subject: "s",
  payload: new Uint8Array(),
});
const effect = (id: string, urgent = false) =>
  ({ kind: "need", subject: "n", message: { id }, urgent }) as unknown as Output["effects"][number];
const output = (...effects: Output["effects"]): Output => ({
  ...emptyOutput(),
  effects,
});

function open(
  answer: (commit: Commit) => Promise<CommitOutcome>,
  given: {
    commitIntervalMs?: number;
    row?: Partial<ShardRow>;
    machineAt?: number;
    checkpointIntervalMs?: number;
    machineFault?: string;
  } = {},
) {
  const commits: Commit[] = [];
  const events: string[] = [];
  const quiet = { info: () => {}, warn: () => {}, error: () => {} };
  const ports = {
    clock: realClock,
    journal: quiet,
    log: { digest: (one: LogEntry) => `digest of ${one.seq}` },
    store: {
      commit: (commit: Commit) => {
        commits.push(commit);
        return answer(commit);
      },
    },
  } as unknown as RunnerPorts;
  const committer = new Committer(
    ports,
    { ...NEW_SHARD_ROW, ...given.row },
    {
      owner: "o",
      applyVersion: 1,
      commitIntervalMs: given.commitIntervalMs ?? 10,
      checkpointIntervalMs: given.checkpointIntervalMs ?? 1_000_000,
      checkpointPhase: 0,
    },
    {
      takeCheckpoint: (seq) => {
        if (given.machineFault !== undefined) throw new AssertionError(given.machineFault);
        if (seq !== (given.machineAt ?? seq)) return undefined;
        return { nowMs: seq, snapshot: { seq }, changes: [] };
      },
      onCommitted: (outbox) => events.push(`committed ${outbox.map((row) => row.number)}`),
      onFenced: (found) => events.push(`fenced ${found}`),
      onHalt: (reason) => events.push(`halt ${reason}`),
      onBroken: (error) => events.push(`broken ${error}`),
    },
  );
  return { committer, commits, events };
}

const done = async (commit: Commit): Promise<CommitOutcome> => ({
  outcome: "committed",
  outboxNext: commit.outboxNext,
});

describe("Committer", () => {
  test("commits the whole prefix so far, one at a time, each from where the last one ended", async () => {
    let release: () => void = () => {};
    const { committer, commits } = open(async (commit) => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return done(commit);
    });
    committer.add(entry(1), output(effect("a")));
    committer.poll();
    committer.add(entry(2), output(effect("b"), effect("c")));
    committer.add(entry(3), output());
    committer.poll();
    expect(commits.length).toBe(1);
    release();
    await until("the second starts", () => commits.length === 2);
    release();
    await until("it is done", () => committer.committedSeq === 3);
    const [first, second] = commits as [Commit, Commit];
    expect([first.guard, second.guard]).toEqual([
      { seq: 0, token: "" },
      { seq: 1, token: first.token },
    ]);
    expect(second.token).not.toBe(first.token);
    expect(first.outbox.map(({ number, effectId }) => [number, effectId])).toEqual([[1, "a"]]);
    expect(second.outbox.map(({ number, effectId }) => [number, effectId])).toEqual([
      [2, "b"],
      [3, "c"],
    ]);
    expect(second.committed).toEqual({ seq: 3, appendedAtMs: 3, digest: "digest of 3" });
    committer.end();
  });

  test("commits after the commit interval though it was to wake for a checkpoint much later", async () => {
    const { committer } = open(done, { commitIntervalMs: 40 });
    committer.add(entry(1), output());
    committer.poll();
    await until("the first is committed", () => committer.committedSeq === 1);
    // Within the interval, and nothing polls after it: only its own waking can commit it.
    committer.add(entry(2), output());
    committer.poll();
    expect(committer.committedSeq).toBe(1);
    await until("the second is committed", () => committer.committedSeq === 2);
    committer.end();
  });

  test("repeats the same commit until the store answers, and halts when it is refused", async () => {
    let failures = 2;
    const { committer, commits, events } = open(async (commit) => {
      if (failures-- > 0) throw new OnhandError("away", "away", { retryable: true });
      if (commit.committed?.seq === 2) throw new OnhandError("database_refused", "no");
      return done(commit);
    });
    committer.add(entry(1), output());
    committer.poll();
    await until("committed", () => committer.committedSeq === 1);
    expect(commits[1]).toBe(commits[0]);
    expect(commits[2]).toBe(commits[0]);
    committer.add(entry(2), output());
    committer.poll();
    await until("halted", () => events.includes("halt commit_refused"));
    committer.add(entry(3), output());
    committer.poll();
    expect(commits.length).toBe(4);
  });

  test("stands down when fenced", async () => {
    const { committer, events } = open(async () => ({ outcome: "fenced", seq: 9, token: "other" }));
    committer.add(entry(1), output());
    committer.poll();
    await until("fenced", () => events.length === 1);
    expect(events).toEqual(["fenced seq 9, token other"]);
    await committer.flush({ checkpoint: true });
  });

  test("an urgent effect does not wait for the interval", async () => {
    const { committer, commits } = open(done, { commitIntervalMs: 1_000_000 });
    committer.add(entry(1), output());
    committer.poll(); // the first after a pause goes at once
    await until("committed", () => committer.committedSeq === 1);
    committer.add(entry(2), output(effect("calm")));
    committer.poll();
    expect(commits.length).toBe(1);
    committer.add(entry(3), output(effect("urgent", true)));
    committer.poll();
    await until("committed", () => committer.committedSeq === 3);
    committer.end();
  });

  test.each([
    [true, false],
    [false, true],
  ])(
    "flush({ checkpoint: %s }) and flush({ checkpoint: %s }) at once end with a checkpoint",
    async (...wishes) => {
      let release: () => void = () => {};
      const { committer } = open(async (commit) => {
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        return done(commit);
      });
      committer.add(entry(1), output());
      committer.poll();
      const flushed = Promise.all(wishes.map((checkpoint) => committer.flush({ checkpoint })));
      const timer = setInterval(() => release(), 1);
      await flushed;
      clearInterval(timer);
      expect(committer.checkpointSeq).toBe(1);
      committer.end();
    },
  );

  test("flush() ends with a checkpoint of exactly the committed prefix", async () => {
    const { committer, commits } = open(done);
    committer.add(entry(1), output());
    await committer.flush({ checkpoint: true });
    expect(committer.checkpointSeq).toBe(1);
    expect(commits.at(-1)?.checkpoint).toMatchObject({ mark: { seq: 1 }, snapshot: { seq: 1 } });
    const count = commits.length;
    await committer.flush({ checkpoint: true });
    expect(commits.length).toBe(count);
    committer.end();
  });

  test("flush() commits nothing while the machine still folds what is committed", async () => {
    const committed = { seq: 5, appendedAtMs: 5, digest: "digest of 5" };
    const row = { committedSeq: 5, committed, token: "before#1" };
    const { committer, commits } = open(done, { row, machineAt: 3 });
    await committer.flush({ checkpoint: true });
    expect(commits).toEqual([]);
    committer.add(entry(6), output());
    await committer.flush({ checkpoint: true });
    expect(commits.map(({ guard, checkpoint }) => [guard.token, checkpoint])).toEqual([
      ["before#1", undefined],
    ]);
    committer.end();
  });

  test("says when so much waits for the store that reading must wait", () => {
    const { committer } = open(() => new Promise(() => {}));
    expect(committer.isFull).toBe(false);
    const effects = Array.from({ length: UNCOMMITTED_EFFECTS_MAX }, (_, i) => effect(`e${i}`));
    committer.add(entry(1), output(...effects));
    expect(committer.isFull).toBe(true);
    committer.poll();
    expect(committer.isFull).toBe(true);
    committer.end();
  });

  test.each(["by itself, when it is due", "when asked for"])(
    "tells that no checkpoint can be made, %s, and commits nothing more",
    async (how) => {
      const checkpointIntervalMs = how === "when asked for" ? 1_000_000 : 20;
      const given = { machineFault: "holds and level differ", checkpointIntervalMs };
      const { committer, commits, events } = open(done, given);
      committer.add(entry(1), output());
      if (how === "when asked for") await committer.flush({ checkpoint: true });
      else committer.poll();
      await until("told", () => events.some((event) => event.startsWith("broken")));
      expect(events.at(-1)).toBe("broken AssertionError: holds and level differ");
      const count = commits.length;
      committer.add(entry(2), output(effect("urgent", true)));
      committer.poll();
      await committer.flush({ checkpoint: false });
      expect([commits.length, events.length]).toEqual([count, count + 1]);
      committer.end();
    },
  );

  test("settle() waits for the commit in flight and starts no other", async () => {
    let release: () => void = () => {};
    const { committer, commits } = open(async (commit) => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return done(commit);
    });
    committer.add(entry(1), output());
    committer.poll();
    committer.add(entry(2), output());
    let isSettled = false;
    const settled = committer.settle().then(() => {
      isSettled = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(isSettled).toBe(false);
    release();
    await settled;
    expect([committer.committedSeq, commits.length]).toEqual([1, 1]);
    committer.end();
  });

  test("takes each entry once and only rows of it, so that none is committed twice", () => {
    const { committer } = open(() => new Promise(() => {}), { row: { committedSeq: 4 } });
    expect(() => committer.add(entry(4), output())).toThrow("Cannot add entry 4: 4 was");
    committer.add(entry(5), output());
    expect(() => committer.add(entry(5), output())).toThrow("Cannot add entry 5: 5 was");
    const out = { ...output(), rows: [{ ...LEDGER_ROW, seq: 5 }] };
    expect(() => committer.add(entry(6), out)).toThrow("Cannot add a row of 5: the entry is 6");
    committer.end();
  });
});
