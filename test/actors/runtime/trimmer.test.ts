import { expect, test } from "vitest";
import type { LogEntry } from "../../../actors/runtime/machine.ts";
import type { RunnerPorts } from "../../../actors/runtime/ports.ts";
import { Trimmer } from "../../../actors/runtime/trimmer.ts";

const DAY_MS = 86_400_000;
const NOW_MS = 100 * DAY_MS;

/** A log of 100 entries of 10 bytes, one a day up to now, of which those before `firstSeq` are gone. */
function trimmer(checkpointSeq: number, keepLogDays: number, firstSeq = 1, bytesMax = Infinity) {
  const trimmed: number[] = [];
  const alerts: string[] = [];
  let first = firstSeq;
  const ports = {
    clock: { nowMs: () => NOW_MS, after: () => ({ cancel: () => {} }) },
    journal: { warn: () => {} },
    store: { alert: async (alert: { id: string }) => void alerts.push(alert.id) },
    effects: { publish: async () => {} },
    log: {
      entry: async (seq: number): Promise<LogEntry | undefined> =>
        seq < first || seq > 100
          ? undefined
          : { seq, appendedAtMs: seq * DAY_MS, subject: "s", payload: new Uint8Array() },
      trim: async (seq: number) => {
        trimmed.push(seq);
        first = seq;
      },
      size: async () => ({ bytes: (101 - first) * 10, bytesMax, firstSeq: first, lastSeq: 100 }),
    },
  } as unknown as RunnerPorts;
  const position = { checkpointSeq };
  const options = { epoch: 1, shard: 2, keepLogDays };
  return { one: new Trimmer(ports, position, options), trimmed, position, alerts };
}

test("Trimmer keeps the days it is told to", async () => {
  const { one, trimmed } = trimmer(100, 7);
  expect(await one.trim()).toBe(93);
  expect(await one.trim()).toBe(93);
  expect(trimmed).toEqual([93]);
});

test("Trimmer never goes beyond the checkpoint's own entry, however old it is (S17)", async () => {
  const { one, trimmed, position } = trimmer(40, 7);
  expect(await one.trim()).toBe(40);
  position.checkpointSeq = 95;
  expect(await one.trim()).toBe(93);
  expect(trimmed).toEqual([40, 93]);
});

test("Trimmer with no days to keep goes up to the checkpoint's entry", async () => {
  const { one } = trimmer(77, 0);
  expect(await one.trim()).toBe(77);
});

test("Trimmer leaves a log alone that has no checkpoint, or is trimmed already", async () => {
  expect(await trimmer(0, 7).one.trim()).toBe(0);
  const { one, trimmed } = trimmer(100, 7, 93);
  await one.trim();
  expect(trimmed.every((seq) => seq === 93)).toBe(true);
});

test("Trimmer makes room in a log that is nearly full, up to the checkpoint (S17)", async () => {
  const { one, trimmed, position, alerts } = trimmer(60, 1_000, 1, 1_100);
  await one.makeRoom();
  expect(trimmed).toEqual([46]);
  await one.makeRoom();
  expect(trimmed).toEqual([46]);
  expect(alerts).toEqual(["alert/logFull/1.2/trimmed/1970-04-11"]);

  const low = trimmer(30, 1_000, 1, 800);
  for (let i = 0; i < 3; i++) await low.one.makeRoom();
  expect(low.trimmed).toEqual([30]);
  expect(low.alerts).toEqual(["alert/logFull/1.2/stuck/1970-04-11"]);
  low.position.checkpointSeq = 100;
  await low.one.makeRoom();
  expect(low.trimmed).toEqual([30, 61]);
  position.checkpointSeq = 100;
  await one.makeRoom();
  expect(trimmed).toEqual([46]);
});

test("Trimmer leaves a log alone that has room, or no limit", async () => {
  for (const bytesMax of [2_000, Infinity]) {
    const { one, trimmed, alerts } = trimmer(100, 1_000, 1, bytesMax);
    await one.makeRoom();
    expect([trimmed, alerts]).toEqual([[], []]);
  }
});
