// Command to visible, at a planned rate: when does a reader of Redis, and a reader of the live feed of
// a real HTTP role, see a level that holds the command? Waits count from the planned time.
//
// The commands are single entries, as tills send them. Live feed: one reader of everything. A command is seen when an event of its key carries a version
// not smaller than its decision's. Redis: reading each key until it changes would load Redis more
// than the system does, so one command in eight is followed: once its decision told the version, its key is read
// every millisecond or two, until a version not smaller came back. Its wait is told too long by as much, never too short.

import { setTimeout as sleep } from "node:timers/promises";
import { VERSION_LENGTH } from "../../shared/version.ts";
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
import { LiveFollower } from "./live_follower.ts";
import { clockMs } from "./planned_sends.ts";
import { openRawTill } from "./raw_nats.ts";
import { RegistryFollower } from "./registry_follower.ts";
import { settleHeap } from "./settle_heap.ts";
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
    const feed = await LiveFollower.open(system.http);
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
  feed: LiveFollower,
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
  const start = new Float64Array(1);
  const frames = skus.map((sku, i) => {
    const seenAt = (waits: Float64Array) => (atMs: number) => {
      waits[i] = atMs - (start[0] as number) - (arrivals[i] as number);
      open--;
    };
    return till.asking(cmdSubject(LOCATION, sku), salePayload(`v${seed}-${i}`), (decision) => {
      const version = versionOf(decision);
      if (i % FOLLOW_EVERY === 0) registry.follow(sku, LOCATION, version, seenAt(redis));
      feed.onSeen(sku, version, seenAt(live));
    });
  });
  settleHeap();
  const startMs = clockMs() + START_MS;
  start[0] = startMs;
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

const VERSION_FIELD = '"version":"';

function versionOf(decision: string): string {
  const at = decision.indexOf(VERSION_FIELD) + VERSION_FIELD.length;
  if (decision.includes('"outcome":"applied"') && at >= VERSION_FIELD.length)
    return ownText(decision.slice(at, at + VERSION_LENGTH));
  throw new Error(`found ${decision}, expected applied with a level`);
}

/** A text of its own: one cut out of another keeps all of that alive. */
function ownText(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}
