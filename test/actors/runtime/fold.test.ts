// The fold with a committer whose store does not answer: what was read waits, within bounds, and nothing is lost.
import { expect, test } from "vitest";
import { Committer } from "../../../actors/runtime/committer.ts";
import { Fold } from "../../../actors/runtime/fold.ts";
import type { Levels } from "../../../actors/runtime/levels.ts";
import type { LogEntry } from "../../../actors/runtime/machine.ts";
import type { Commit, RunnerPorts } from "../../../actors/runtime/ports.ts";
import { realClock } from "../../../actors/runtime/real_ports.ts";
import { NEW_SHARD_ROW } from "../../../scripts/sim/store.ts";
import { UNCOMMITTED_BYTES_MAX, UNCOMMITTED_ROWS_MAX } from "../../../shared/limits.ts";
import { bundleSubject } from "../../../streams/subjects.ts";
import { countingMachine } from "../../support/counting_machine.ts";
import { until } from "./support/house.ts";

const OPTIONS = { epoch: 1, shard: 0, shards: 1, identityDays: 90 };

/** A shard without a log and a registry: entries are pushed by hand, commits wait until `answer()`. */
function openFold() {
  const commits: Commit[] = [];
  const busy: boolean[] = [];
  let release: () => void = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const ports = {
    clock: realClock,
    journal: { info: () => {}, warn: () => {}, error: () => {} },
    log: { digest: () => "" },
    sender: { send: () => {} },
    store: {
      async commit(commit: Commit) {
        commits.push(commit);
        await released;
        return { outcome: "committed", outboxNext: commit.outboxNext };
      },
    },
  } as unknown as RunnerPorts;
  const halts: string[] = [];
  const onHalt = (reason: string) => halts.push(reason);
  const committer = new Committer(
    ports,
    NEW_SHARD_ROW,
    {
      owner: "o",
      applyVersion: 1,
      commitIntervalMs: 10,
      checkpointIntervalMs: 1e9,
      checkpointPhase: 0,
    },
    {
      takeCheckpoint: () => undefined,
      onCommitted: () => fold.onCommitted(),
      onFenced: onHalt,
      onHalt,
      onBroken: (error) => halts.push(String(error)),
    },
  );
  const machine = countingMachine.create(OPTIONS);
  const fold = new Fold(ports, machine, {
    options: OPTIONS,
    poison: new Set(),
    mutedTo: 0,
    committer,
    levels: { flush: () => {} } as unknown as Levels,
    onThrow: (_seq, error) => halts.push(String(error)),
    onHalt,
    onBroken: (error) => halts.push(String(error)),
    onBusy: (isBusy) => busy.push(isBusy),
    onApplied: () => {},
  });
  const bytes = () => commits.reduce((sum, { rows }) => sum + rows.data.length, 0);
  return { fold, committer, machine, commits, busy, halts, bytes, answer: () => release() };
}

/** Bundles of `commands` sales each, whose ids have `idLength` characters. */
function entries(count: number, commands: number, idLength: number): LogEntry[] {
  return Array.from({ length: count }, (_, i) => {
    const items = Array.from({ length: commands }, (_, n) => ({
      type: "sale",
      id: `${i}.${n}`.padEnd(idLength, "x"),
      sku: "A",
      location: "x",
    }));
    const payload = new TextEncoder().encode(JSON.stringify(items));
    return { seq: i + 1, appendedAtMs: i, subject: bundleSubject(1, 0), payload };
  });
}

const COMMANDS = 256;

/** Pushes all, and waits until the fold stands still with some of them waiting. */
async function fill(house: ReturnType<typeof openFold>, all: readonly LogEntry[]): Promise<void> {
  for (const entry of all) house.fold.push(entry);
  await until("it is full", () => house.committer.isFull);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(house.busy).toEqual([true]);
  expect(house.fold.queued).toBeGreaterThan(0);
}

async function empty(house: ReturnType<typeof openFold>, all: readonly LogEntry[]): Promise<void> {
  house.answer();
  await until("all is committed", () => house.committer.committedSeq === all.length);
  expect(house.fold.queued).toBe(0);
  expect(house.busy).toEqual([true, false]);
  expect(house.halts).toEqual([]);
  house.committer.end();
}

test("Fold stops applying within a bundle of the rows that may be uncommitted, and goes on after the commit", async () => {
  const house = openFold();
  const all = entries(Math.ceil(UNCOMMITTED_ROWS_MAX / COMMANDS) + 40, COMMANDS, 8);
  await fill(house, all);
  const { uncommittedRows } = house.committer;
  expect(uncommittedRows).toBeGreaterThanOrEqual(UNCOMMITTED_ROWS_MAX);
  expect(uncommittedRows).toBeLessThan(UNCOMMITTED_ROWS_MAX + COMMANDS);
  expect(house.fold.commands).toBe(uncommittedRows);
  await empty(house, all);
  expect(house.fold.commands).toBe(all.length * COMMANDS);
  expect([...house.machine.keys()].map((key) => house.machine.level(key).sellable)).toEqual([
    -all.length * COMMANDS,
  ]);
});

test("Fold stops applying within a bundle of the bytes that may be uncommitted, and goes on after the commit", async () => {
  const house = openFold();
  const idLength = 32 * 1024;
  const commands = 16;
  const all = entries(
    Math.ceil(UNCOMMITTED_BYTES_MAX / idLength / commands) + 20,
    commands,
    idLength,
  );
  await fill(house, all);
  const { seq } = house.machine.position();
  expect(house.committer.uncommittedRows).toBeLessThan(UNCOMMITTED_ROWS_MAX);
  await empty(house, all);
  const ofEntry = house.bytes() / all.length;
  expect(ofEntry).toBeGreaterThan(idLength * commands);
  expect(seq * ofEntry).toBeGreaterThan(UNCOMMITTED_BYTES_MAX - ofEntry);
  expect(seq * ofEntry).toBeLessThan(UNCOMMITTED_BYTES_MAX + 2 * ofEntry);
});
