// Owns the making and reading of the topology: streams and buckets as declared, and the record of
// the current epoch and shard count (bucket onhand-topology, key `current`).
//
// T1. Applying twice changes nothing; applying after a crash half-way goes on where it stopped.
// T2. An epoch keeps its shard count for life. Another count is another epoch.
// T3. The record is written last: who can read it finds every stream it names.

import {
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
  type StreamConfig,
} from "@nats-io/jetstream";
import { type KV, Kvm } from "@nats-io/kv";
import { OnhandError } from "../shared/errors.ts";
import { API_TIMEOUT_MS, EPOCH_MAX, SHARDS_MAX } from "../shared/limits.ts";
import { type NatsConnection, natsFault } from "./connection.ts";
import {
  bucketStream,
  type Chosen,
  type Difference,
  declareStreams,
  differences,
  keepChosen,
  type StreamDeclaration,
  type Topology,
} from "./declarations.ts";
import { stockStream, TOPOLOGY_BUCKET } from "./subjects.ts";

export type { Topology } from "./declarations.ts";

/** Key of the record in the bucket. */
export const CURRENT_KEY = "current";
/** Shards of a new log on servers we know nothing of. */
const SHARDS_DEFAULT = 8;

export type ApplyOptions = {
  /** Shards of a new log; an existing one must have as many. Default: what is there, else `shardsOfNew`. */
  shards?: number;
  /** Shards of a new log where `shards` does not say; default 8. */
  shardsOfNew?: number;
  /** Default: the current epoch, else 1. */
  epoch?: number;
  /** Copies of each stream; default: as it is, else 1. */
  replicas?: number;
  /** Bytes of one shard's log before publishes are refused; default: as it is, else -1, unlimited. */
  logBytesMax?: number;
  /** Bytes of each effect stream; default: as it is, else 256 MiB, reserved by the server. */
  effectBytesMax?: number;
  /** Life of a lease, ms; default: as it is, else 2000. */
  leaseTtlMs?: number;
};

export type AppliedStream = {
  name: string;
  action: "created" | "updated" | "unchanged";
  changes: Difference[];
};
export type Applied = { topology: Topology; streams: AppliedStream[]; changed: boolean };

/**
 * Makes every stream and bucket as declared and records the topology.
 * @throws OnhandError `topology_conflict` (another shard count or epoch is there), `nats_refused`,
 *   `nats_unavailable`; RangeError for counts out of range.
 */
export async function applyTopology(
  nc: NatsConnection,
  options: ApplyOptions = {},
): Promise<Applied> {
  const jsm = await manager(nc);
  const topology = await wantedTopology(nc, jsm, options);
  const streams: AppliedStream[] = [];
  for (const wanted of declareStreams({ ...options, ...topology, replicas: options.replicas ?? 1 }))
    streams.push(await applyStream(jsm, wanted, options));
  const recorded = await record(nc, topology);
  const changed = recorded || streams.some((stream) => stream.action !== "unchanged");
  return { topology, streams, changed };
}

/** @throws OnhandError `topology_missing` when none was applied, `nats_unavailable`. */
export async function readTopology(nc: NatsConnection): Promise<Topology> {
  const found = await findTopology(nc);
  if (found !== undefined) return found;
  throw new OnhandError(
    "topology_missing",
    'Cannot read the topology: there is none on this NATS server. Run "onhand topology apply"',
    { retryable: true },
  );
}

/** The recorded topology, or undefined when none was applied yet. */
export async function findTopology(nc: NatsConnection): Promise<Topology | undefined> {
  try {
    const jsm = await manager(nc);
    // Read from the leader, not from a copy that may lag.
    const entry = await jsm.streams.getMessage(bucketStream(TOPOLOGY_BUCKET), {
      last_by_subj: `$KV.${TOPOLOGY_BUCKET}.${CURRENT_KEY}`,
    });
    return entry === null ? undefined : parseTopology(entry.json());
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw natsFault("read the topology", error);
  }
}

/** Removes all entries of a log before `seq`: the runner's trimming, behind its checkpoint. */
export async function trimLog(nc: NatsConnection, stream: string, seq: number): Promise<number> {
  try {
    const jsm = await manager(nc);
    return (await jsm.streams.purge(stream, { seq })).purged;
  } catch (error) {
    throw natsFault(`trim ${stream} before ${seq}`, error);
  }
}

/** JetStream's manager with our time limit and without a round trip of its own. */
export function manager(nc: NatsConnection): Promise<JetStreamManager> {
  return jetstreamManager(nc, { checkAPI: false, timeout: API_TIMEOUT_MS });
}

async function wantedTopology(
  nc: NatsConnection,
  jsm: JetStreamManager,
  options: ApplyOptions,
): Promise<Topology> {
  requireInteger("shards", options.shards, SHARDS_MAX);
  requireInteger("epoch", options.epoch, EPOCH_MAX);
  const current = await findTopology(nc);
  const epoch = options.epoch ?? current?.epoch ?? 1;
  if (current === undefined) {
    const wanted = { epoch, shards: options.shards ?? options.shardsOfNew ?? SHARDS_DEFAULT };
    await requireNoOther(jsm, wanted);
    return wanted;
  }
  const shards = options.shards ?? current.shards;
  if (epoch === current.epoch && shards === current.shards) return current;
  const found = `epoch ${current.epoch} with ${current.shards} shards`;
  throw new OnhandError(
    "topology_conflict",
    `Cannot apply epoch ${epoch} with ${shards} shards: found ${found}. A log keeps its shard ` +
      `count for life: go on without --shards, or begin another log in another data directory`,
    { fields: { found: current, wanted: { epoch, shards } } },
  );
}

/** Streams without a record: a crash half-way left empty ones; anything else is not ours to guess. */
async function requireNoOther(jsm: JetStreamManager, wanted: Topology): Promise<void> {
  const names = new Set<string>();
  for (let shard = 0; shard < wanted.shards; shard++) names.add(stockStream(wanted.epoch, shard));
  const others: string[] = [];
  let ours = 0;
  let entries = 0;
  try {
    for await (const info of jsm.streams.list("inv.log.>")) {
      if (names.has(info.config.name)) {
        ours++;
        entries += info.state.messages;
      } else others.push(info.config.name);
    }
  } catch (error) {
    throw natsFault("list the streams", error);
  }
  if (others.length === 0 && (ours === wanted.shards || entries === 0)) return;
  const why = others.length > 0 ? `found ${others.join(", ")}` : `found only ${ours} with entries`;
  throw new OnhandError(
    "topology_conflict",
    `Cannot apply epoch ${wanted.epoch} with ${wanted.shards} shards: no topology is recorded but ` +
      `${why}. Apply with their epoch and shard count`,
    { fields: { wanted, others } },
  );
}

async function applyStream(
  jsm: JetStreamManager,
  declared: StreamDeclaration,
  given: Chosen,
): Promise<AppliedStream> {
  const { name } = declared;
  try {
    const found = await findStream(jsm, name);
    if (found === undefined) {
      await jsm.streams.add({ ...declared });
      return { name, action: "created", changes: [] };
    }
    const wanted = keepChosen(declared, { ...found }, given);
    const changes = differences(wanted, { ...found });
    if (changes.length === 0) return { name, action: "unchanged", changes };
    await jsm.streams.update(name, { ...wanted });
    return { name, action: "updated", changes };
  } catch (error) {
    throw natsFault(`apply stream ${name}`, error);
  }
}

/** The settings of a stream, or undefined when it is not there. */
export async function findStream(
  jsm: JetStreamManager,
  name: string,
): Promise<StreamConfig | undefined> {
  try {
    return (await jsm.streams.info(name)).config;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** True when it was not recorded before. */
async function record(nc: NatsConnection, topology: Topology): Promise<boolean> {
  if ((await findTopology(nc)) !== undefined) return false;
  const bucket = await topologyBucket(nc);
  try {
    await bucket.create(CURRENT_KEY, JSON.stringify(topology));
    return true;
  } catch (error) {
    const other = await findTopology(nc);
    if (other?.epoch === topology.epoch && other.shards === topology.shards) return false;
    if (other === undefined) throw natsFault("record the topology", error);
    throw new OnhandError(
      "topology_conflict",
      `Cannot record epoch ${topology.epoch} with ${topology.shards} shards: epoch ${other.epoch} ` +
        `with ${other.shards} shards was recorded at the same time`,
    );
  }
}

function topologyBucket(nc: NatsConnection): Promise<KV> {
  return new Kvm(nc).open(TOPOLOGY_BUCKET, { allow_direct: false });
}

function parseTopology(value: unknown): Topology | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { epoch, shards } = value as Record<string, unknown>;
  if (typeof epoch !== "number" || typeof shards !== "number") return undefined;
  return { epoch, shards };
}

/** True for an answer that says there is no such stream or message. */
export function isMissing(error: unknown): boolean {
  if (!(error instanceof JetStreamApiError)) return false;
  return error.code === 10059 || error.code === 10037; // stream not found, no message found
}

function requireInteger(name: string, value: number | undefined, max: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= 1 && value <= max)) return;
  throw new RangeError(`Cannot apply topology: ${name} is ${value}, expected 1 to ${max}`);
}
