import { expect, it, vi } from "vitest";
import { projectingHost } from "../../../../actors/runtime/projections/projecting_host.ts";
import { localHost, type RunningShard } from "../../../../actors/runtime/shard_host.ts";
import type { Database } from "../../../../shared/postgres.ts";

const journal = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };

it("follows shards once none is being opened, and none that has left meanwhile", async () => {
  const open = new Map<number, (run: RunningShard) => void>();
  const inner = localHost((shard) => new Promise((resolve) => open.set(shard, resolve)));
  const followed: number[] = [];
  const host = projectingHost(inner, {
    database: {} as Database,
    epoch: 1,
    journal,
    projections: (shard) => {
      followed.push(shard);
      return [];
    },
  });
  const shard = { drain: async () => {}, abandon: async () => {} } as RunningShard;
  const opening = [1, 2, 3].map((number) => host.open(number));
  open.get(1)?.(shard);
  open.get(2)?.(shard);
  await Promise.all(opening.slice(0, 2));
  await host.drain(2);
  expect(followed).toEqual([]);
  open.get(3)?.({ ...shard, status: () => ({}) as never });
  await Promise.all(opening);
  expect(followed).toEqual([1, 3]);
  await host.close();
});
