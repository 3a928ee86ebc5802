import { expect, test } from "vitest";
import type { LogEntry } from "../../../actors/runtime/machine.ts";
import type { RunnerPorts } from "../../../actors/runtime/ports.ts";
import { Trimmer } from "../../../actors/runtime/trimmer.ts";

const DAY_MS = 86_400_000;
const NOW_MS = 100 * DAY_MS;

/** A log of 100 entries, one a day up to now, of which those before `firstSeq` are gone. */
function trimmer(checkpointSeq: number, keepDays: number, firstSeq = 1) {
  const trimmed: number[] = [];
  let first = firstSeq;
  const ports = {
    clock: { nowMs: () => NOW_MS, after: () => ({ cancel: () => {} }) },
    journal: { warn: () => {} },
    log: {
      entry: async (seq: number): Promise<LogEntry | undefined> =>
        seq < first || seq > 100
          ? undefined
          : { seq, appendedAtMs: seq * DAY_MS, subject: "s", payload: new Uint8Array() },
      trim: async (seq: number) => {
        trimmed.push(seq);
        first = seq;
      },
    },
  } as unknown as RunnerPorts;
  const position = { checkpointSeq };
  return { one: new Trimmer(ports, position, keepDays), trimmed, position };
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
