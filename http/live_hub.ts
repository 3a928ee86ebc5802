// Owns the live feed of this process: one subscription to inv.level.>, each level encoded once, fanned
// out to many readers in batches, remembered in a ring for readers that come back.
// Core messages are best effort: after a lost connection readers are told `reset`, never left to
// believe that nothing happened.

import type { Msg } from "@nats-io/nats-core";
import type { Level } from "../shared/decisions.ts";
import {
  LIVE_EAGER_READERS_MAX,
  LIVE_MANY_FLUSH_MS,
  LIVE_READERS_MAX,
  LIVE_RING_LEVELS_MAX,
} from "../shared/limits.ts";
import { formatVersion } from "../shared/version.ts";
import { partition } from "../streams/partition.ts";
import { levelSubject, toToken } from "../streams/subjects.ts";
import { bytesAt, joined, LiveBytes } from "./live_bytes.ts";
import { type LiveFilter, LiveReader } from "./live_reader.ts";
import { type LiveLevel, LiveRing } from "./live_ring.ts";
import { decodeVector, encodeVector, type Vector } from "./live_vector.ts";
import { ProblemError } from "./problems.ts";

const encoder = new TextEncoder();
const HEARTBEAT = encoder.encode(": alive\n\n");
const SUBJECT_HEAD = "inv.level.";

export type FeedStats = { readers: number; received: number; perSecond: number };

/** Turns of rotate() the rate is reckoned over. */
const RATE_TURNS = 5;

export type LiveHubOptions = { epoch: number; shards: number; ringLevels?: number };

export class LiveHub {
  readonly #epoch: number;
  readonly #shards: number;
  readonly #ring: LiveRing;
  readonly #bytes = new LiveBytes();
  /** Highest version seen of each shard, and what it was a while ago (see LIVE_VECTOR_LAG_MS). */
  readonly #vector: Vector;
  #safe: Vector;
  #id: string;
  readonly #readers = new Set<LiveReader>();
  readonly #bySku = new Map<string, Set<LiveReader>>();
  readonly #others = new Set<LiveReader>();
  #batch: LiveLevel[] = [];
  #scheduled = false;
  #received = 0;
  /** What was received up to each of the last turns, for the rate. */
  #counts: { atMs: number; received: number }[] = [];

  constructor(options: LiveHubOptions) {
    this.#epoch = options.epoch;
    this.#shards = options.shards;
    this.#ring = new LiveRing(options.shards, options.ringLevels ?? LIVE_RING_LEVELS_MAX);
    this.#vector = new Array<string | undefined>(options.shards).fill(undefined);
    this.#safe = [...this.#vector];
    this.#id = encodeVector(this.#epoch, this.#safe);
  }

  /** Readers now, levels taken since the start, and per second over the last turns. */
  get stats(): FeedStats {
    const first = this.#counts[0];
    const last = this.#counts.at(-1);
    const sinceMs = (last?.atMs ?? 0) - (first?.atMs ?? 0);
    const taken = (last?.received ?? 0) - (first?.received ?? 0);
    const perSecond = sinceMs === 0 ? 0 : (taken * 1_000) / sinceMs;
    return { readers: this.#readers.size, received: this.#received, perSecond };
  }

  /** Takes a message of inv.level.>. */
  take(message: Pick<Msg, "subject" | "data">): void {
    const level = this.#read(message.subject, message.data);
    if (level === undefined) return;
    this.#received += 1;
    const seen = this.#vector[level.shard];
    if (seen === undefined || level.version > seen) this.#vector[level.shard] = level.version;
    if (!this.#ring.push(level)) return;
    if (this.#readers.size === 0) return;
    this.#batch.push(level);
    if (this.#scheduled) return;
    this.#scheduled = true;
    // With few readers at once; with many, a few times in ten milliseconds, for each flush is a write to each.
    if (this.#readers.size <= LIVE_EAGER_READERS_MAX) setImmediate(() => this.#flush());
    else setTimeout(() => this.#flush(), LIVE_MANY_FLUSH_MS);
  }

  /** Call every LIVE_VECTOR_LAG_MS: moves the id readers resume from. @param nowMs performance.now() */
  rotate(nowMs: number): void {
    this.#counts.push({ atMs: nowMs, received: this.#received });
    if (this.#counts.length > RATE_TURNS) this.#counts.shift();
    this.#ring.mark(this.#vector);
    const id = encodeVector(this.#epoch, this.#safe);
    this.#safe = [...this.#vector];
    if (id === this.#id) return;
    this.#id = id;
    this.#flush();
    for (const reader of this.#readers) reader.passed(id);
  }

  /** Call every LIVE_HEARTBEAT_MS. */
  heartbeat(): void {
    for (const reader of this.#readers) reader.beat(HEARTBEAT);
  }

  /** Messages may have been lost: tells every reader. Until `caughtUp`, ids cannot be resumed from. */
  interrupted(): void {
    this.#ring.gap();
    for (const reader of this.#readers) reader.reset("interrupted");
  }

  /** Levels of `shard` after `seq` all come through this hub. */
  caughtUp(shard: number, seq: number): void {
    // A reader that saw one level of that entry has seen its others: ids lag behind (LIVE_VECTOR_LAG_MS).
    this.#ring.knownFrom(shard, formatVersion(this.#epoch, seq, 0));
    const version = formatVersion(this.#epoch, seq, 999);
    if ((this.#vector[shard] ?? "") < version) this.#vector[shard] = version;
    this.#safe[shard] ??= version;
  }

  /**
   * A new reader. With `lastId` it is first sent what it missed; with SKUs in its filter and no id, or
   * one too old, the levels of those SKUs as `levelsOf` reads them.
   * @throws ProblemError too_many_readers
   */
  open(options: {
    skus: readonly string[];
    locations: readonly string[];
    everyMs: number;
    lastId: string | undefined;
    levelsOf: (skus: readonly string[]) => Promise<Level[]>;
  }): LiveReader {
    if (this.#readers.size >= LIVE_READERS_MAX) {
      throw new ProblemError("too_many_readers", `Cannot add a reader: ${LIVE_READERS_MAX} read`);
    }
    const filter: LiveFilter = {
      skuTokens: new Set(options.skus.map(toToken)),
      locationTokens: new Set(options.locations.map(toToken)),
    };
    const reader = new LiveReader(filter, options.everyMs, (closed) => this.#remove(closed));
    this.#add(reader);
    reader.send(encoder.encode("retry: 1000\nevent: hello\ndata: {}\n\n"));
    // Sent when all of the beginning was: a connection may break before, and whoever had the id would miss that.
    reader.passed(this.#id);
    void this.#begin(reader, options);
    return reader;
  }

  close(): void {
    for (const reader of [...this.#readers]) {
      reader.close();
      this.#remove(reader);
    }
  }

  async #begin(
    reader: LiveReader,
    options: {
      skus: readonly string[];
      lastId: string | undefined;
      levelsOf: (skus: readonly string[]) => Promise<Level[]>;
    },
  ): Promise<void> {
    const { lastId, skus } = options;
    const vector = lastId === undefined ? undefined : this.#known(lastId);
    const missed =
      vector === undefined ? undefined : this.#ring.since(vector, this.#shardsOf(skus));
    if (missed !== undefined) reader.hold(missed.filter((level) => reader.matches(level)));
    else if (skus.length > 0) await this.#snapshot(reader, options);
    else if (lastId !== undefined) {
      reader.reset(vector === undefined ? "unknown_id" : "too_old");
    }
    reader.start();
  }

  /** The vector of an id of this log: none that is ahead of it, as after a log was begun afresh. */
  #known(id: string): Vector | undefined {
    const vector = decodeVector(id, this.#epoch, this.#shards);
    const isAhead = vector?.some((version, shard) => {
      const seen = this.#vector[shard];
      return version !== undefined && seen !== undefined && version > seen;
    });
    return isAhead ? undefined : vector;
  }

  async #snapshot(
    reader: LiveReader,
    options: {
      skus: readonly string[];
      levelsOf: (skus: readonly string[]) => Promise<Level[]>;
    },
  ): Promise<void> {
    try {
      for (const level of await options.levelsOf(options.skus)) {
        const data = encoder.encode(JSON.stringify(level));
        const live = this.#read(levelSubject(level.location, level.sku), data);
        if (live !== undefined && reader.matches(live)) reader.hold([live]);
      }
    } catch {
      reader.reset("registry");
    }
  }

  #shardsOf(skus: readonly string[]): number[] {
    if (skus.length === 0) return Array.from({ length: this.#shards }, (_, shard) => shard);
    return [...new Set(skus.map((sku) => partition(toToken(sku), this.#shards)))];
  }

  #read(subject: string, data: Uint8Array): LiveLevel | undefined {
    const dot = subject.indexOf(".", SUBJECT_HEAD.length);
    if (dot < 0) return undefined;
    const written = this.#bytes.write(data);
    if (written === undefined) return undefined;
    const { version, piece, from, to } = written;
    const key = subject.slice(SUBJECT_HEAD.length);
    // Names of a key that is remembered are there once: what is kept of each level is little.
    const known = this.#ring.newest(key);
    const { locationToken, skuToken, shard } = known ?? this.#names(subject, dot);
    return { key: known?.key ?? key, locationToken, skuToken, shard, version, piece, from, to };
  }

  #names(subject: string, dot: number): Pick<LiveLevel, "locationToken" | "skuToken" | "shard"> {
    const skuToken = subject.slice(dot + 1);
    const locationToken = subject.slice(SUBJECT_HEAD.length, dot);
    return { locationToken, skuToken, shard: partition(skuToken, this.#shards) };
  }

  #flush(): void {
    this.#scheduled = false;
    const batch = this.#batch;
    if (batch.length === 0) return;
    this.#batch = [];
    let shared: Uint8Array | undefined;
    for (const reader of this.#others) {
      const levels =
        reader.filter.locationTokens.size === 0 ? batch : batch.filter((l) => reader.matches(l));
      if (levels.length === 0) continue;
      if (!reader.flowing) reader.hold(levels);
      else if (levels === batch) {
        shared ??= joined(batch);
        reader.send(shared);
      } else reader.send(joined(levels));
    }
    if (this.#bySku.size > 0) for (const level of batch) this.#fanOut(level);
  }

  /** To the readers that asked for this SKU. */
  #fanOut(level: LiveLevel): void {
    const readers = this.#bySku.get(level.skuToken);
    if (readers === undefined) return;
    for (const reader of readers) {
      if (!reader.matches(level)) continue;
      if (reader.flowing) reader.send(bytesAt(level));
      else reader.hold([level]);
    }
  }

  #add(reader: LiveReader): void {
    this.#readers.add(reader);
    if (reader.filter.skuTokens.size === 0) this.#others.add(reader);
    for (const token of reader.filter.skuTokens) {
      const readers = this.#bySku.get(token);
      if (readers === undefined) this.#bySku.set(token, new Set([reader]));
      else readers.add(reader);
    }
  }

  #remove(reader: LiveReader): void {
    this.#readers.delete(reader);
    this.#others.delete(reader);
    for (const token of reader.filter.skuTokens) {
      const readers = this.#bySku.get(token);
      readers?.delete(reader);
      if (readers?.size === 0) this.#bySku.delete(token);
    }
  }
}
