// A reader without a network, that takes nothing for a while: what waits for it meanwhile, and what it gets then.
import { expect, test } from "vitest";
import { bytesAt } from "../../http/live_bytes.ts";
import { type LiveFilter, LiveReader } from "../../http/live_reader.ts";
import type { LiveLevel } from "../../http/live_ring.ts";
import { LIVE_BUFFER_BYTES_MAX, LIVE_PENDING_KEYS_MAX } from "../../shared/limits.ts";

const ALL: LiveFilter = { skuTokens: new Set(), locationTokens: new Set() };

/** A reader whose buffer is full. */
function fullReader(everyMs = 0): LiveReader {
  const reader = new LiveReader(ALL, everyMs, () => {});
  reader.start();
  reader.send(new Uint8Array(LIVE_BUFFER_BYTES_MAX).fill(10));
  return reader;
}

const levelOf = (sku: number, version: number): LiveLevel => {
  const piece = Buffer.from(`event: level\ndata: S${sku} ${version}\n\n`);
  const names = { key: `L.S${sku}`, locationToken: "L", skuToken: `S${sku}` };
  return { ...names, shard: 0, version: String(version), piece, from: 0, to: piece.length };
};

/** One level more than may wait. */
const tooMany = (version: number) =>
  Array.from({ length: LIVE_PENDING_KEYS_MAX + 1 }, (_, sku) => levelOf(sku, version));

/** Takes all there is: its blocks, each on one line. */
async function take(reader: LiveReader): Promise<string[]> {
  const chunks = reader.stream.getReader();
  let text = "";
  for (;;) {
    const next = await Promise.race([
      chunks.read(),
      new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 20)),
    ]);
    if (next === undefined || next.done) break;
    text += Buffer.from(next.value).toString();
  }
  reader.close();
  return text
    .split("\n\n")
    .map((block) => block.trim().replaceAll("\n", " "))
    .filter((block) => block !== "");
}

test.each([0, 10])(
  "passed() queues nothing for a reader without room (everyMs %i)",
  async (everyMs) => {
    const reader = fullReader(everyMs);
    for (let i = 1; i <= 100_000; i++) reader.passed(`1~${i}`);
    expect(await take(reader)).toEqual(["id: 1~100000"]);
  },
);

test("hold() and reset() keep one reset for it, before what came after it", async () => {
  const reader = fullReader();
  for (let i = 1; i <= 3; i++) {
    reader.hold(tooMany(i));
    reader.reset("interrupted");
    reader.passed(`1~${i}`);
  }
  reader.hold([levelOf(7, 8)]);
  reader.passed("1~4");
  expect(await take(reader)).toEqual([
    'event: reset data: {"reason":"interrupted"}',
    "event: level data: S7 8",
    "id: 1~4",
  ]);
});

test("reset() is told at once where there is room, and is all that is told before the beginning's levels", async () => {
  const reader = new LiveReader(ALL, 0, () => {});
  reader.hold([levelOf(1, 1)]);
  reader.reset("too_old");
  expect(reader.flowing).toBe(false);
  reader.start();
  expect(reader.flowing).toBe(true);
  reader.send(bytesAt(levelOf(2, 2)));
  reader.reset("interrupted");
  reader.send(bytesAt(levelOf(3, 3)));
  expect(await take(reader)).toEqual([
    'event: reset data: {"reason":"too_old"}',
    "event: level data: S1 1",
    "event: level data: S2 2",
    'event: reset data: {"reason":"interrupted"}',
    "event: level data: S3 3",
  ]);
});

test("beat() brings no level before its time to a reader that asked for few", async () => {
  const reader = new LiveReader(ALL, 60_000, () => {});
  reader.start();
  reader.hold([levelOf(7, 8)]);
  reader.beat(Buffer.from(": alive\n\n"));
  expect(await take(reader)).toEqual([": alive"]);
});
