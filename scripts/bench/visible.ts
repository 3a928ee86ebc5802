// Command to visible, at a planned rate: when does a reader of Redis, and a reader of the live feed of
// a real HTTP role, see a level that holds the command? Waits count from the planned time.
//
// Live feed: one reader of everything. A command is seen when an event of its key carries a version
// not smaller than its decision's. Redis: reading each key until it changes would load Redis more
// than the system does, so one command in eight is followed: from its planned time on its key is read
// every millisecond or two, until a version not smaller came back. Its wait is told too long by as much.

import { get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Decision } from "../../shared/messages.ts";
import type { BenchSystem } from "./bench_system.ts";
import { checkRun } from "./correctness.ts";
import { collector, type Latencies, type LatencyOptions, saleOf } from "./latency.ts";
import { clockMs, startMetronome } from "./metronome.ts";
import { openRegistryReader, type RegistryReader } from "./registry_reader.ts";
import { LOCATION, poissonArrivals, skuName, zipfSequence } from "./workload.ts";

const FOLLOW_EVERY = 8;
const READ_PAUSE_MS = 1;
const WARM_UP_MS = 1_000;
const SEEN_MAX_MS = 10_000;

/** ms, each run: visible in Redis, visible to a reader of the live feed. */
export async function benchVisible(
  system: BenchSystem,
  options: LatencyOptions,
): Promise<{ redis: Latencies; live: Latencies }> {
  const redis = collector();
  const live = collector();
  const registry = await openRegistryReader(system.servers.redis);
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
  await registry.close();
  return { redis: redis.measured(), live: live.measured() };
}

type Waits = { sent: number; waits: Float64Array; failed: number };

async function watchRun(
  system: BenchSystem,
  feed: LiveFeed,
  registry: RegistryReader,
  options: LatencyOptions,
  seed: number,
): Promise<{ redis: Waits; live: Waits }> {
  const total = Math.round((options.seconds + WARM_UP_MS / 1000) * options.ratePerS);
  const arrivals = poissonArrivals(100 + seed, options.ratePerS, total);
  const skus = zipfSequence(100 + seed, total);
  const publisher = system.publisher();
  const live = new Float64Array(total).fill(Number.NaN);
  const redis = new Float64Array(total).fill(Number.NaN);
  const startMs = clockMs() + 50;
  const planned = (i: number) => startMs + (arrivals[i] as number);
  let open = 0;
  const one = async (i: number) => {
    const sku = skuName(skus[i] as number);
    const decided = publisher.decide(saleOf(`v${seed}-${i}`, skus[i] as number));
    const follow = i % FOLLOW_EVERY === 0 ? followRedis(registry, sku, decided) : undefined;
    const version = versionOf(await decided);
    live[i] = (await feed.seen(sku, version)) - planned(i);
    if (follow !== undefined) redis[i] = (await follow) - planned(i);
  };
  const metronome = startMetronome(arrivals, startMs, (i) => {
    open++;
    one(i).then(
      () => open--,
      () => open--,
    );
  });
  await metronome.done;
  metronome.stop();
  const untilMs = performance.now() + SEEN_MAX_MS;
  while (open > 0 && performance.now() < untilMs) await sleep(5);
  await publisher.close();
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

function versionOf(decision: Decision): string {
  const version = decision.level?.version;
  if (decision.outcome === "applied" && version !== undefined) return version;
  throw new Error(`found ${decision.outcome}, expected applied with a level`);
}

/** Reads the key again and again; the time a read came back that holds the decision. */
async function followRedis(
  registry: RegistryReader,
  sku: string,
  decided: Promise<Decision>,
): Promise<number> {
  let wanted: string | undefined;
  decided.then(
    (decision) => {
      wanted = decision.level?.version ?? "";
    },
    () => {
      wanted = "";
    },
  );
  // A read may show the level before the decision is here to tell which version is wanted.
  const seen: { version: string; atMs: number }[] = [];
  const untilMs = clockMs() + SEEN_MAX_MS;
  while (clockMs() < untilMs) {
    const version = await registry.version(sku, LOCATION);
    const atMs = clockMs();
    if (version !== undefined && version !== seen.at(-1)?.version) seen.push({ version, atMs });
    if (wanted === undefined) {
      await sleep(READ_PAUSE_MS);
      continue;
    }
    const first = seen.find((one) => one.version >= (wanted as string));
    if (first !== undefined) return first.atMs;
    await sleep(READ_PAUSE_MS);
  }
  throw new Error(`${sku} was not seen in Redis`);
}

type Waiting = { version: string; resolve: (atMs: number) => void };

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

  /** When an event showed a version of the SKU not smaller than `version`. */
  seen(sku: string, version: string): Promise<number> {
    const first = this.#seen.get(sku)?.find((one) => one.version >= version);
    if (first !== undefined) return Promise.resolve(first.atMs);
    return new Promise((resolve) => {
      const list = this.#waiting.get(sku);
      if (list === undefined) this.#waiting.set(sku, [{ version, resolve }]);
      else list.push({ version, resolve });
    });
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
    for (const one of waiting) if (one.version <= version) one.resolve(atMs);
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
