// Owns leases and membership: who runs which shard. Both are keys of one bucket that forgets a key not
// renewed for its time to live (two seconds unless applied otherwise).
//
// A lease is for economy, never for safety: two owners compute the same, and the commit's guard lets
// one of them through. Hence:
//
// E1. Only a definite answer ends a lease: another holder stands in the bucket. While NATS is away
//     nobody can take it, so it is kept, and after an outage it is taken up again without a restore.
// E2. `onLost` is called at most once, and never after release().
// E3. The bucket tells nobody when a key expires: takers and members are polled.
// E4. A process of this machine that is gone holds nothing, and is no member: its leases are taken at once.
//
//     free -> held -> (renewed each third of the time to live) -> released
//                `-> expired, free again, when its holder is gone      `-> lost: another holds it

import { jetstream } from "@nats-io/jetstream";
import { type KV, Kvm } from "@nats-io/kv";
import { type NatsConnection, natsFault, onConnection } from "./connection.ts";
import { bucketStream } from "./declarations.ts";
import { type HolderProcess, isGone, ownProcess } from "./holder_process.ts";
import { LEASE_BUCKET } from "./subjects.ts";
import { isMissing, manager } from "./topology.ts";

export type LeaseOptions = {
  /** Who asks; shown to others. */
  holder: string;
  /** Another holds it now. */
  onLost?: (by: string) => void;
};

export type Lease = {
  readonly key: string;
  readonly holder: string;
  readonly held: boolean;
  /** Gives it up for others to take at once. Repeats do nothing. */
  release(): Promise<void>;
};

/** What stands in the bucket under a lease or member key. */
export type LeaseRecord = { key: string; holder: string; since: string; process?: HolderProcess };

/** Who shares shards among themselves: processes of one role are members of one group. */
export type LeaseRole = "stock" | "forecast";

export type LeaseStore = {
  /** Members are those of this role. */
  readonly role: LeaseRole;
  /** Life of a lease that is not renewed, ms, as the bucket has it. */
  readonly ttlMs: number;
  /** The lease of `key`, or undefined while another holds it. @throws OnhandError when NATS is away. */
  acquire(key: string, options: LeaseOptions): Promise<Lease | undefined>;
  /** All leases held now, by key. */
  holders(prefix: string): Promise<LeaseRecord[]>;
  /** Joins the members under `name` until release(); the name must differ from all others. */
  join(name: string, onLost?: () => void): Promise<Lease>;
  /** Names of the members alive, sorted. */
  members(): Promise<string[]>;
  /** Calls `onChange` with the members now and whenever they change, until stopped. */
  watchMembers(onChange: (members: string[]) => void): () => void;
};

/** Key of the lease of a shard in a role. */
export const shardKey = (epoch: number, shard: number, role: LeaseRole = "stock"): string =>
  `${role}.${epoch}.${shard}`;
const memberPrefix = (role: LeaseRole): string => `member.${role}`;
const ANSWER_MS_MIN = 300;
const answerMs = (ttlMs: number): number => Math.max(ttlMs / 2, ANSWER_MS_MIN);

/** @throws OnhandError `nats_refused` when the topology is not applied. */
export async function openLeases(
  nc: NatsConnection,
  role: LeaseRole = "stock",
): Promise<LeaseStore> {
  try {
    const jsm = await manager(nc);
    const { config } = await jsm.streams.info(bucketStream(LEASE_BUCKET));
    const ttlMs = config.max_age / 1e6;
    // An answer that takes longer than half a life is as good as none.
    const js = jetstream(nc, { timeout: answerMs(ttlMs) });
    const kv = await new Kvm(js).open(LEASE_BUCKET, { allow_direct: false });
    return new BucketLeases(nc, kv, ttlMs, role);
  } catch (error) {
    throw natsFault("open the leases", error);
  }
}

class BucketLeases implements LeaseStore {
  readonly role: LeaseRole;
  readonly #nc: NatsConnection;
  readonly #kv: KV;
  readonly ttlMs: number;

  constructor(nc: NatsConnection, kv: KV, ttlMs: number, role: LeaseRole) {
    this.role = role;
    this.#nc = nc;
    this.#kv = kv;
    this.ttlMs = ttlMs;
  }

  async acquire(key: string, options: LeaseOptions): Promise<Lease | undefined> {
    const record = recordOf(key, options.holder);
    const revision = (await this.#create(record)) ?? (await this.#replaceGone(record));
    return revision === undefined
      ? undefined
      : new HeldLease(this.#nc, this.#kv, record, revision, this.ttlMs, options);
  }

  async holders(prefix: string): Promise<LeaseRecord[]> {
    const records: LeaseRecord[] = [];
    let timer: NodeJS.Timeout | undefined;
    try {
      const jsm = await manager(this.#nc);
      const found = await jsm.direct.getLastMessagesFor(bucketStream(LEASE_BUCKET), {
        multi_last: [`$KV.${LEASE_BUCKET}.${prefix}.>`],
      });
      // The library waits five seconds for a server that is away.
      timer = setTimeout(() => found.stop(new Error("no answer in time")), answerMs(this.ttlMs));
      for await (const message of found) {
        // A delete leaves an empty entry with this header until it expires too.
        if (message.header.get("KV-Operation") === "") records.push(message.json<LeaseRecord>());
      }
    } catch (error) {
      if (!isNoMatch(error)) throw natsFault("read the leases", error);
    } finally {
      clearTimeout(timer);
    }
    return records;
  }

  async join(name: string, onLost?: () => void): Promise<Lease> {
    const key = `${memberPrefix(this.role)}.${keyToken(name)}`;
    const lease = await this.acquire(key, { holder: name, ...(onLost ? { onLost } : {}) });
    if (lease !== undefined) return lease;
    // Our own former life, killed a moment ago, or a namesake: take its place, so that it is told.
    const record = recordOf(key, name);
    const revision = await this.#overwrite(record);
    const options = { holder: name, ...(onLost ? { onLost } : {}) };
    return new HeldLease(this.#nc, this.#kv, record, revision, this.ttlMs, options);
  }

  async members(): Promise<string[]> {
    const records = await this.holders(memberPrefix(this.role));
    return records
      .filter((record) => !isGone(record.process))
      .map((record) => record.holder)
      .sort();
  }

  watchMembers(onChange: (members: string[]) => void): () => void {
    let last = "";
    let stopped = false;
    let timer: NodeJS.Timeout | undefined;
    const look = async (): Promise<void> => {
      // While NATS is away the members last seen stand (E1).
      const members = await this.members().catch(() => undefined);
      if (stopped) return;
      const text = JSON.stringify(members);
      if (members !== undefined && text !== last) {
        last = text;
        onChange(members);
      }
      timer = setTimeout(() => void look(), this.ttlMs / 4);
    };
    void look();
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }

  async #create(record: LeaseRecord): Promise<number | undefined> {
    try {
      return await this.#kv.create(record.key, JSON.stringify(record));
    } catch (error) {
      if (isTaken(error)) return undefined;
      throw natsFault(`take lease ${record.key}`, error);
    }
  }

  /** Takes a lease from a process that is gone. @returns undefined when it is not, or somebody was quicker */
  async #replaceGone(record: LeaseRecord): Promise<number | undefined> {
    try {
      const found = await this.#kv.get(record.key);
      if (found?.operation !== "PUT" || !isGone(found.json<LeaseRecord>().process))
        return undefined;
      return await this.#kv.update(record.key, JSON.stringify(record), found.revision);
    } catch (error) {
      if (isTaken(error)) return undefined;
      throw natsFault(`take lease ${record.key}`, error);
    }
  }

  async #overwrite(record: LeaseRecord): Promise<number> {
    try {
      return await this.#kv.put(record.key, JSON.stringify(record));
    } catch (error) {
      throw natsFault(`take lease ${record.key}`, error);
    }
  }
}

class HeldLease implements Lease {
  readonly key: string;
  readonly holder: string;
  readonly #kv: KV;
  readonly #value: string;
  readonly #ttlMs: number;
  readonly #onLost: ((by: string) => void) | undefined;
  #revision: number;
  #waitMs: number;
  #held = true;
  #timer: NodeJS.Timeout | undefined;
  #renewing: Promise<void> | undefined;
  readonly #stopListening: () => void;

  constructor(
    nc: NatsConnection,
    kv: KV,
    record: LeaseRecord,
    revision: number,
    ttlMs: number,
    options: LeaseOptions,
  ) {
    this.#kv = kv;
    this.key = record.key;
    this.holder = record.holder;
    this.#value = JSON.stringify(record);
    this.#revision = revision;
    this.#ttlMs = ttlMs;
    this.#waitMs = ttlMs / 3;
    this.#onLost = options.onLost;
    this.#stopListening = onConnection(nc, { onReconnect: () => this.#schedule(0) });
    this.#schedule(ttlMs / 3);
  }

  get held(): boolean {
    return this.#held;
  }

  async release(): Promise<void> {
    if (!this.#held) return;
    this.#held = false;
    clearTimeout(this.#timer);
    this.#stopListening();
    await this.#renewing;
    // Refused when another took it meanwhile; when NATS is away it expires by itself.
    await this.#kv.delete(this.key, { previousSeq: this.#revision }).catch(() => {});
  }

  #schedule(waitMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      // A renewal still under way schedules the next itself.
      this.#renewing ??= this.#renew().finally(() => {
        this.#renewing = undefined;
        if (this.#held) this.#schedule(this.#waitMs);
      });
    }, waitMs);
  }

  async #renew(): Promise<void> {
    this.#waitMs = this.#ttlMs / 3;
    try {
      this.#revision = await this.#kv.update(this.key, this.#value, this.#revision);
    } catch (error) {
      if (isTaken(error)) await this.#onRefused().catch(() => {});
      // Away, or too slow: try again soon; nobody else can take it from a server that is away.
      this.#waitMs = this.#ttlMs / 10;
    }
  }

  /** The key is not as we left it: expired (take it up again), our own late renewal, or another's. */
  async #onRefused(): Promise<void> {
    const found = await this.#kv.get(this.key);
    if (found === null || found.operation !== "PUT" || found.string() === this.#value) {
      const previous = found === null ? undefined : found.revision;
      this.#revision =
        previous === undefined
          ? await this.#kv.create(this.key, this.#value)
          : await this.#kv.update(this.key, this.#value, previous);
      return;
    }
    if (!this.#held) return;
    this.#held = false;
    this.#stopListening();
    this.#onLost?.(found.json<LeaseRecord>().holder);
  }
}

function recordOf(key: string, holder: string): LeaseRecord {
  const process = ownProcess();
  const record = { key, holder, since: new Date().toISOString() };
  return process === undefined ? record : { ...record, process };
}

/** Wrong last sequence: somebody wrote the key since. Source: JetStream error codes. */
function isTaken(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return code === 10071 || code === 10164;
}

function isNoMatch(error: unknown): boolean {
  return isMissing(error) || (error as { code?: unknown } | null)?.code === 404;
}

/** Any name as one token of a key: what the bucket does not take becomes =XX. */
function keyToken(name: string): string {
  let token = "";
  for (const byte of new TextEncoder().encode(name)) {
    const character = String.fromCharCode(byte);
    token += /[A-Za-z0-9_-]/.test(character)
      ? character
      : `=${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return token;
}
