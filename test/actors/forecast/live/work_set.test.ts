import { expect, it } from "vitest";
import { WorkSet } from "../../../../actors/forecast/live/work_set.ts";
import { OnhandError } from "../../../../shared/errors.ts";

const warned: string[] = [];
const journal = {
  info: () => {},
  warn: (_: object, text: string) => warned.push(text),
  error: () => {},
};
const base = { name: "test", batchMax: 2, gatherMs: 1, journal };

it("does what is added in batches, once for what is added twice before its turn", async () => {
  const batches: number[][] = [];
  const set = new WorkSet<number>({
    ...base,
    work: async (batch) => void batches.push([...batch]),
  });
  for (const n of [1, 2, 1, 3]) set.add(n);
  await set.idle();
  expect(batches).toEqual([[1, 2], [3]]);
  set.add(4);
  await set.idle();
  expect(batches.at(-1)).toEqual([4]);
});

it("what is added while the last batch is done is done too", async () => {
  const done: number[] = [];
  const set: WorkSet<number> = new WorkSet<number>({
    ...base,
    work: async ([n = 0]) => {
      done.push(n);
      if (n < 5) set.add(n + 1);
    },
  });
  set.add(1);
  await set.idle();
  expect(done).toEqual([1, 2, 3, 4, 5]);
});

it("waits out faults that pass, tells them once, and drops a batch that would never do", async () => {
  const done: number[] = [];
  let failures = 0;
  const set = new WorkSet<number>({
    ...base,
    work: async ([n = 0]) => {
      if (n === 1 && failures++ < 2) throw new OnhandError("away", "away", { retryable: true });
      if (n === 2) throw new Error("never");
      done.push(n);
    },
    batchMax: 1,
  });
  set.add(1);
  await set.idle();
  set.add(2);
  set.add(3);
  await set.idle();
  expect(done).toEqual([1, 3]);
  expect(warned).toHaveLength(2);
});

it("stop() drops what waits", async () => {
  const done: number[] = [];
  const set = new WorkSet<number>({ ...base, work: async (batch) => void done.push(...batch) });
  set.add(1);
  await set.stop();
  set.add(2);
  await set.idle();
  expect(done).toEqual([]);
});
