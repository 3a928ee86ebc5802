// The hub without a network: what a reader that breaks off at any moment may resume from, and what it leaves behind.
import { expect, test, vi } from "vitest";
import { LiveHub } from "../../http/live_hub.ts";
import type { LiveReader } from "../../http/live_reader.ts";
import type { Level } from "../../shared/decisions.ts";
import { formatVersion } from "../../shared/version.ts";

const SHARDS = 1;

function hubOf(levels: number): LiveHub {
  const hub = new LiveHub({ epoch: 1, shards: SHARDS });
  hub.caughtUp(0, 0);
  for (let seq = 1; seq <= levels; seq++) tell(hub, seq);
  hub.rotate(0);
  hub.rotate(1);
  return hub;
}

const tell = (hub: LiveHub, seq: number) =>
  hub.take({ subject: `inv.level.L.S${seq}`, data: Buffer.from(JSON.stringify(levelOf(seq))) });

const levelOf = (seq: number): Level =>
  ({ sku: `S${seq}`, location: "L", version: formatVersion(1, seq, 0) }) as Level;

const asked = { skus: [] as string[], locations: [], everyMs: 0, lastId: undefined };

/** What it was sent up to now, as blocks. */
async function sent(reader: LiveReader): Promise<string[]> {
  const chunks = reader.stream.getReader();
  let text = "";
  for (;;) {
    const next = await Promise.race([chunks.read(), tick()]);
    if (next === undefined || next.done) break;
    text += Buffer.from(next.value).toString();
  }
  return text.split("\n\n").filter((block) => block !== "");
}
const tick = () => new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 20));

const idIn = (block: string) => /^id: (.*)$/m.exec(block)?.[1];

test("an id comes only after what was missed: a connection may break in between", async () => {
  const hub = hubOf(40);
  const levelsOf = async () => [];
  const blocks = await sent(hub.open({ ...asked, lastId: "1~2", levelsOf }));
  expect(blocks.filter((block) => block.startsWith("event: level"))).toHaveLength(38);
  expect(blocks.map(idIn).findIndex((id) => id !== undefined)).toBe(blocks.length - 1);
  // Whoever had nothing but the beginning comes back with the id of before.
  expect(blocks[0]).toMatch(/event: hello/);
});

test("nor before the levels of the SKUs asked for, or before a reset", async () => {
  const hub = hubOf(3);
  const levelsOf = () => new Promise<Level[]>(() => {});
  const blocks = await sent(hub.open({ ...asked, skus: ["S2"], levelsOf }));
  expect(blocks).toHaveLength(1);
  expect(idIn(blocks[0] as string)).toBeUndefined();
  const reset = await sent(hub.open({ ...asked, lastId: "nonsense", levelsOf }));
  expect(reset.map((block) => /event: (\w+)/.exec(block)?.[1] ?? "id")).toEqual([
    "hello",
    "reset",
    "id",
  ]);
});

test("a reader that leaves before its beginning was read leaves nothing running", async () => {
  const hub = hubOf(3);
  let read: (levels: Level[]) => void = () => {};
  const levelsOf = () => new Promise<Level[]>((resolve) => (read = resolve));
  const timers = vi.spyOn(globalThis, "setInterval");
  const reader = hub.open({ ...asked, skus: ["S2"], everyMs: 500, levelsOf });
  await reader.stream.cancel();
  read([levelOf(2)]);
  await tick();
  expect(timers).not.toHaveBeenCalled();
  expect(hub.stats.readers).toBe(0);
  timers.mockRestore();
});
