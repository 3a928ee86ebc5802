import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { ShardEnd, ShardHost } from "../../../actors/runtime/shard_host.ts";
import { threadHost, warmThreads } from "../../../actors/runtime/thread_host.ts";

const entry = new URL("./echo_thread.ts", import.meta.url);
let host: ShardHost;
const ends: ShardEnd[] = [];

const start = (threads: number) => {
  ends.length = 0;
  host = threadHost({ entry, data: null, threads });
  host.onEnd = (end) => ends.push(end);
  return host;
};
afterEach(() => host.close());

const running = () => host.status().filter((status) => status.state === "running");

describe("threadHost()", () => {
  it("opens shards over its threads and tells how they do", async () => {
    start(2);
    await Promise.all([0, 1, 2, 3].map((shard) => host.open(shard)));
    await vi.waitFor(() =>
      expect(
        running()
          .map((s) => s.shard)
          .sort(),
      ).toEqual([0, 1, 2, 3]),
    );
    await host.drain(1);
    await vi.waitFor(() =>
      expect(
        running()
          .map((s) => s.shard)
          .sort(),
      ).toEqual([0, 2, 3]),
    );
  });

  it("takes threads that were started ahead", async () => {
    warmThreads(entry, 2);
    start(2);
    await Promise.all([host.open(1), host.open(2)]);
    await vi.waitFor(() => expect(running()).toHaveLength(2));
  });

  it("takes no thread that ended before it was wanted", async () => {
    const absent = new URL("./absent_thread.ts", import.meta.url);
    warmThreads(absent, 1);
    await sleep(1_000);
    host = threadHost({ entry: absent, data: null, threads: 1 });
    host.onEnd = () => {};
    await expect(host.open(1)).rejects.toThrow("absent_thread");
  });

  it("rejects with the reason when a shard cannot be opened", async () => {
    await expect(start(1).open(12)).rejects.toThrow("shard 12 cannot be restored");
    expect(host.status()).toEqual([]);
  });

  it("tells the shards of a thread that dies as failed, and opens them in a new one", async () => {
    start(1);
    await host.open(1);
    await host.open(13);
    await vi.waitFor(() => expect(ends.map((end) => end.shard).sort()).toEqual([1, 13]));
    expect(ends.every((end) => end.reason === "failed")).toBe(true);
    await host.open(1);
    await vi.waitFor(() => expect(running().map((s) => s.shard)).toEqual([1]));
  });

  it("passes on that a shard was fenced", async () => {
    start(1);
    await host.open(14);
    await vi.waitFor(() =>
      expect(ends).toEqual([{ shard: 14, reason: "fenced", detail: "by test" }]),
    );
  });

  it("ends a thread that does not start in time, and starts another", async () => {
    const late = new URL("./late_thread.ts", import.meta.url);
    const started = new Int32Array(new SharedArrayBuffer(4));
    host = threadHost({ entry: late, data: started, threads: 1, startMs: 1_000 });
    host.onEnd = () => {};
    await expect(host.open(1)).rejects.toThrow("no sign of life in 1000 ms");
    await host.open(1);
    await vi.waitFor(() => expect(running().map((s) => s.shard)).toEqual([1]));
    expect(Atomics.load(started, 0)).toBe(2);
  });

  it("closes at once while a thread still starts, and tells who waits for it", async () => {
    const late = new URL("./late_thread.ts", import.meta.url);
    const started = new Int32Array(new SharedArrayBuffer(4));
    host = threadHost({ entry: late, data: started, threads: 1 });
    const opening = expect(host.open(1)).rejects.toThrow("Cannot reach a stock thread");
    await vi.waitFor(() => expect(Atomics.load(started, 0)).toBe(1), { timeout: 5_000 });
    const sinceMs = performance.now();
    await host.close();
    expect(performance.now() - sinceMs).toBeLessThan(2_000);
    await opening;
  });
});
