// Command to visible, at a planned rate: when does a reader of Redis, and a reader of the live feed of
// a real HTTP role, see a level that holds the command? Waits count from the planned time.
//
// The commands are single entries, as tills send them. Live feed: one reader of everything. A command is seen when an event of its key carries a version
// not smaller than its decision's. Redis: reading each key until it changes would load Redis more
// than the system does, so one command in eight is followed: once its decision told the version, its key is read
// every millisecond or two, until a version not smaller came back. Its wait is told too long by as much, never too short.

import { get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { cmdSubject } from "../../streams/subjects.ts";
import type { BenchSystem } from "./bench_system.ts";
import { checkRun } from "./correctness.ts";
import { salePayload } from "./firehose.ts";
import {
  collector,
  type Latencies,
  type LatencyOptions,
  plannedLoad,
  START_MS,
  sendThrough,
  WARM_UP_MS,
} from "./latency.ts";
import { clockMs } from "./planned_sends.ts";
import { openRawTill } from "./raw_nats.ts";
import { RegistryFollower } from "./registry_follower.ts";
import { LOCATION } from "./workload.ts";

const FOLLOW_EVERY = 8;
const SEEN_MAX_MS = 10_000;

/** ms, each run: visible in Redis, visible to a reader of the live feed. */
export async function benchVisible(
  system: BenchSystem,
  options: LatencyOptions,
): Promise<{ redis: Latencies; live: Latencies }> {
  const redis = collector();
  const live = collector();
  const registry = await RegistryFollower.open(system.servers.redis);
  for (let run = 1; run <= options.runs; run++) {
    const since = await system.logEnds();
    await system.waitFor(since);
    const feed = await LiveFeed.open(system.http);
    const watched = await watchRun(system, feed, registry, options, run);
    feed.close();
    await system.waitFor(await system.logEnds());
    const { sent } = watched.redis;
    const check = await checkRun(system, { since, commands: sent, units: sent });
    redis.add(watched.redis, check);
    live.add(watched.live, check);
    options.say(`command to visible, run ${run}: Redis ${redis.last()}, live feed ${live.last()}`);
  }
  registry.close();
  return { redis: redis.measured(), live: live.measured() };
}

type Waits = { sent: number; waits: Float64Array; failed: number };

async function watchRun(
  system: BenchSystem,
  feed: LiveFeed,
  registry: RegistryFollower,
  options: LatencyOptions,
  seed: number,
): Promise<{ redis: Waits; live: Waits }> {
  const { arrivals, skus } = plannedLoad(options, 100 + seed);
  const total = arrivals.length;
  const till = await openRawTill(system.servers.nats);
  const live = new Float64Array(total).fill(Number.NaN);
  const redis = new Float64Array(total).fill(Number.NaN);
  let open = total + Math.ceil(total / FOLLOW_EVERY);
  const startMs = clockMs() + START_MS;
  const frames = skus.map((sku, i) => {
    const seenAt = (waits: Float64Array) => (atMs: number) => {
      waits[i] = atMs - startMs - (arrivals[i] as number);
      open--;
    };
    return till.asking(cmdSubject(LOCATION, sku), salePayload(`v${seed}-${i}`), (decision) => {
      const version = versionOf(decision);
      if (i % FOLLOW_EVERY === 0) registry.follow(sku, LOCATION, version, seenAt(redis));
      feed.onSeen(sku, version, seenAt(live));
    });
  });
  await sendThrough(till, { frames, arrivals, startMs });
  const untilMs = performance.now() + SEEN_MAX_MS;
  while (open > 0 && performance.now() < untilMs) await sleep(5);
  till.close();
  const followed = (_: number, i: number) => i % FOLLOW_EVERY === 0;
  return {
    live: gather(live, arrivals, total, () => true),
    redis: gather(redis, arrivals, total, followed),
  };
}

function gather(
  all: Float64Array,
  arrivals: Float64Array,
  sent: number,
  counts: (ms: number, i: number) => boolean,
): Waits {
  const failed = all.filter((ms, i) => counts(ms, i) && Number.isNaN(ms)).length;
  const waits = all.filter(
    (ms, i) => counts(ms, i) && !Number.isNaN(ms) && (arrivals[i] as number) >= WARM_UP_MS,
  );
  return { sent, waits: waits.sort(), failed };
}

function versionOf(decision: string): string {
  const version = textOf(decision, VERSION_FIELD);
  if (decision.includes('"outcome":"applied"') && version !== undefined) return version;
  throw new Error(`found ${decision}, expected applied with a level`);
}

type Waiting = { version: string; seen: (atMs: number) => void };

/** A reader of the live feed, of all levels. */
class LiveFeed {
  #close: () => void = () => {};
  readonly #waiting = new Map<string, Waiting[]>();
  /** Of the last line, what came of it. */
  #rest = "";
  /** What was seen lately of each SKU, for decisions that come after their event. */
  readonly #seen = new Map<string, { version: string; atMs: number }[]>();

  static open(http: string): Promise<LiveFeed> {
    const feed = new LiveFeed();
    return new Promise((resolve, reject) => {
      const request = get(`${http}/v1/live`, { agent: false }, (response) => {
        if (response.statusCode !== 200) {
          reject(new Error(`/v1/live answered ${response.statusCode}`));
          return;
        }
        response.setEncoding("utf8");
        response.on("data", (text: string) => feed.#read(text));
        resolve(feed);
      });
      request.on("error", reject);
      feed.#close = () => request.destroy();
    });
  }

  /** Calls `seen` with the time when an event showed a version of the SKU not smaller than `version`. */
  onSeen(sku: string, version: string, seen: (atMs: number) => void): void {
    const first = this.#seen.get(sku)?.find((one) => one.version >= version);
    if (first !== undefined) {
      seen(first.atMs);
      return;
    }
    const list = this.#waiting.get(sku);
    if (list === undefined) this.#waiting.set(sku, [{ version, seen }]);
    else list.push({ version, seen });
  }

  close(): void {
    this.#close();
  }

  /** Takes what came, whole lines of it. */
  #read(text: string): void {
    const atMs = clockMs();
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      if (!line.startsWith('data: {"')) continue;
      const sku = textOf(line, SKU_FIELD);
      const version = textOf(line, VERSION_FIELD);
      if (sku !== undefined && version !== undefined) this.#level(sku, version, atMs);
    }
  }

  #level(sku: string, version: string, atMs: number): void {
    const seen = this.#seen.get(sku);
    if (seen === undefined) this.#seen.set(sku, [{ version, atMs }]);
    else {
      seen.push({ version, atMs });
      if (seen.length > 64) seen.shift();
    }
    const waiting = this.#waiting.get(sku);
    if (waiting === undefined) return;
    const still = waiting.filter((one) => one.version > version);
    for (const one of waiting) if (one.version <= version) one.seen(atMs);
    if (still.length === 0) this.#waiting.delete(sku);
    else this.#waiting.set(sku, still);
  }
}

const SKU_FIELD = '"sku":"';
const VERSION_FIELD = '"version":"';

/** The text of a field whose values need no escapes: the reader shall cost little of what it measures. */
function textOf(line: string, field: string): string | undefined {
  const at = line.indexOf(field);
  if (at < 0) return undefined;
  const from = at + field.length;
  return line.slice(from, line.indexOf('"', from));
}
