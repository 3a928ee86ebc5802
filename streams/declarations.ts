// Pure.
// What must stand on the NATS server: every stream and bucket with its limits, in one place.
//
// D1. The log has no age limit and discards NEW: nothing of it goes but by the runner's trimming
//     (a purge behind its checkpoint). Deleting single messages is denied for good.
// D2. The log's duplicate window is the server's least: a repeat dropped by the server would be
//     acked and never decided. Who repeats is decided by the fold.
// D3. Effect streams discard old by age and size; the relay's repeats carry message ids.

import {
  EFFECT_DUPLICATE_WINDOW_MS,
  EFFECT_STREAM_BYTES_MAX,
  EFFECT_STREAM_DAYS,
  LEASE_TTL_MS,
  LOG_DUPLICATE_WINDOW_MS,
} from "../shared/limits.ts";
import {
  EFFECT_STREAMS,
  LEASE_BUCKET,
  stockStream,
  stockStreamSubjects,
  TOPOLOGY_BUCKET,
} from "./subjects.ts";

/** One generation of the log: `epoch` 1 to 9999, `shards` 1 to 1024. */
export type Topology = { epoch: number; shards: number };

export type DeclareOptions = Topology & {
  /** Copies of each stream, 1 to 5. */
  replicas: number;
  /** Bytes each shard's log may take before publishes are refused; default -1: as the disk allows. */
  logBytesMax?: number;
  /** Bytes each effect stream may take; default 256 MiB. */
  effectBytesMax?: number;
  /** Life of a lease, ms; default 2000. */
  leaseTtlMs?: number;
};

/** The settings of a stream that we declare, in the server's own words; times in nanoseconds. */
export type StreamDeclaration = {
  name: string;
  subjects: string[];
  retention: "limits";
  storage: "file";
  discard: "new" | "old";
  max_age: number;
  max_bytes: number;
  max_msgs_per_subject: number;
  duplicate_window: number;
  num_replicas: number;
  allow_direct: boolean;
  allow_rollup_hdrs: boolean;
  deny_delete: boolean;
};

const NANOS_PER_MS = 1_000_000;
const MS_PER_DAY = 24 * 3600 * 1000;

/** Every stream that must stand: logs by shard, effect streams, the streams beneath the buckets. */
export function declareStreams(options: DeclareOptions): StreamDeclaration[] {
  const streams: StreamDeclaration[] = [];
  for (let shard = 0; shard < options.shards; shard++) streams.push(declareLog(options, shard));
  for (const [name, subject] of Object.entries(EFFECT_STREAMS)) {
    streams.push({
      ...common(options),
      name,
      subjects: [subject],
      discard: "old",
      max_age: EFFECT_STREAM_DAYS * MS_PER_DAY * NANOS_PER_MS,
      max_bytes: options.effectBytesMax ?? EFFECT_STREAM_BYTES_MAX,
      duplicate_window: EFFECT_DUPLICATE_WINDOW_MS * NANOS_PER_MS,
    });
  }
  streams.push(declareBucket(options, TOPOLOGY_BUCKET, 0));
  streams.push(declareBucket(options, LEASE_BUCKET, options.leaseTtlMs ?? LEASE_TTL_MS));
  return streams;
}

function declareLog(options: DeclareOptions, shard: number): StreamDeclaration {
  return {
    ...common(options),
    name: stockStream(options.epoch, shard),
    subjects: [stockStreamSubjects(options.epoch, shard)],
    max_bytes: options.logBytesMax ?? -1,
    duplicate_window: LOG_DUPLICATE_WINDOW_MS * NANOS_PER_MS,
    deny_delete: true,
  };
}

/**
 * A bucket is a stream of a fixed shape. Source: NATS ADR-8. On file although leases live for
 * seconds: after a restart of the server their holders go on instead of starting all over.
 */
function declareBucket(options: DeclareOptions, bucket: string, ttlMs: number): StreamDeclaration {
  return {
    ...common(options),
    name: bucketStream(bucket),
    subjects: [`$KV.${bucket}.>`],
    max_age: ttlMs * NANOS_PER_MS,
    max_msgs_per_subject: 1,
    duplicate_window: (ttlMs === 0 ? 120_000 : Math.min(ttlMs, 120_000)) * NANOS_PER_MS,
    allow_rollup_hdrs: true,
    deny_delete: true,
  };
}

function common(options: DeclareOptions) {
  return {
    retention: "limits",
    storage: "file",
    discard: "new",
    max_age: 0,
    max_bytes: -1,
    max_msgs_per_subject: -1,
    num_replicas: options.replicas,
    allow_direct: true,
    allow_rollup_hdrs: false,
    deny_delete: false,
  } as const;
}

/** The stream beneath a bucket. */
export const bucketStream = (bucket: string): string => `KV_${bucket}`;

/** Settings that may be chosen at apply; what is not given anew stays as it was chosen before. */
export type Chosen = {
  replicas?: number;
  logBytesMax?: number;
  effectBytesMax?: number;
  leaseTtlMs?: number;
};

/** The declaration with the settings nobody chose now as they are found. */
export function keepChosen(
  wanted: StreamDeclaration,
  found: Readonly<Record<string, unknown>>,
  given: Chosen,
): StreamDeclaration {
  const kept: StreamDeclaration = { ...wanted };
  const keep = (setting: "num_replicas" | "max_bytes" | "max_age" | "duplicate_window") => {
    const value = found[setting];
    if (typeof value === "number") kept[setting] = value;
  };
  const isLog = wanted.subjects[0]?.startsWith("inv.log.") ?? false;
  const isEffect = wanted.name in EFFECT_STREAMS;
  if (given.replicas === undefined) keep("num_replicas");
  if (isLog && given.logBytesMax === undefined) keep("max_bytes");
  if (isEffect && given.effectBytesMax === undefined) keep("max_bytes");
  if (wanted.name === bucketStream(LEASE_BUCKET) && given.leaseTtlMs === undefined) {
    keep("max_age");
    keep("duplicate_window");
  }
  return kept;
}

export type Difference = { setting: string; found: unknown; wanted: unknown };

/** What of a declaration the found settings do not meet. */
export function differences(
  wanted: StreamDeclaration,
  found: Readonly<Record<string, unknown>>,
): Difference[] {
  const list: Difference[] = [];
  for (const [setting, value] of Object.entries(wanted)) {
    // The server leaves out what is false.
    const have = found[setting] ?? (typeof value === "boolean" ? false : undefined);
    if (JSON.stringify(have) !== JSON.stringify(value))
      list.push({ setting, found: have, wanted: value });
  }
  return list;
}
