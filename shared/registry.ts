// Owns the registry of levels in Redis: what every channel reads. A cache of the truth: any of it can be
// made again from the actors or from Postgres.
//
//     onhand:stock:<sku token>            hash: location token -> version (fixed width) + level as JSON
//     onhand:watermark:<epoch>:<shard>    sequence up to which the shard's levels are in here
//
// One Redis, not a Redis Cluster: the script that writes names the hashes of many SKUs.
//
// S18: a visible version never decreases. Each write is set-if-newer inside Redis, the watermark is
// written after the levels it speaks of, and both happen in one script.

import type { Level } from "./decisions.ts";
import { ANY_LOCATION } from "./ids.ts";
import { type Redis, redisError } from "./redis.ts";
import { VERSION_LENGTH } from "./version.ts";

/** Before the SKU token in the key of its hash. */
export const STOCK_PREFIX = "onhand:stock:";
/** Before `<epoch>:<shard>` in the key of a watermark, which has so many digits. */
export const WATERMARK_PREFIX = "onhand:watermark:";
export const SEQ_WIDTH = 14;
/** Levels in one script call: Redis serves nobody else meanwhile (about 1 us each). */
const BATCH_LEVELS_MAX = 1_000;
/** Shards whose levels travel in one script call. */
const PARTS_MAX = 64;
const SCAN_COUNT = 1_000;

/**
 * Levels come as one text, `key TAB field TAB value LF` each (an argument for each would cost three times as
 * much), then for each watermark in KEYS what it is to be and what must stand there. Plain searches: a pattern walks
 * each level letter by letter, an eighth of the whole call. A key that is no hash gives way: nothing of ours is in it,
 * and it would keep every shard's levels out.
 */
const SET_IF_NEWER = `
local width = tonumber(ARGV[1])
local text, from = ARGV[2], 1
while from <= #text do
  local tab = string.find(text, "\\t", from, true)
  local tab2 = string.find(text, "\\t", tab + 1, true)
  local last = string.find(text, "\\n", tab2 + 1, true)
  local key, field = string.sub(text, from, tab - 1), string.sub(text, tab + 1, tab2 - 1)
  local value = string.sub(text, tab2 + 1, last - 1)
  local old = redis.pcall("HGET", key, field)
  if type(old) == "table" then
    redis.call("DEL", key)
    old = false
  end
  if not old or string.sub(old, 1, width) < string.sub(value, 1, width) then
    redis.call("HSET", key, field, value)
  end
  from = last + 1
end
local found = {}
for i = 1, #KEYS do
  local mark, standing = ARGV[2 * i + 1], ARGV[2 * i + 2]
  local before = redis.call("GET", KEYS[i])
  local isWhole = (before or "") >= standing
  if mark ~= "" and isWhole and (not before or before < mark) then
    redis.call("SET", KEYS[i], mark)
  end
  found[i] = before or "0"
end
return found
`;

/** Each text that still stands as ARGV has it goes; ARGV are field and text of each hash in KEYS. */
const REMOVE_UNCHANGED = `
local removed = 0
for i = 1, #KEYS do
  local field, text = ARGV[2 * i - 1], ARGV[2 * i]
  if redis.call("HGET", KEYS[i], field) == text then
    removed = removed + redis.call("HDEL", KEYS[i], field)
  end
end
return removed
`;

/** Each key that is no hash goes. */
const REMOVE_NO_HASH = `
local removed = 0
for i = 1, #KEYS do
  if redis.call("TYPE", KEYS[i]).ok ~= "hash" then removed = removed + redis.call("DEL", KEYS[i]) end
end
return removed
`;

/** A level on its way in: its names as subject tokens, its version, and its JSON text. */
export type LevelWrite = { skuToken: string; locationToken: string; version: string; json: string };

/** A key with a SKU's name that is no hash, and what it is: a string, a list, … */
export type NoHash = { skuToken: string; type: string };

/** Where a level stands. */
export type LevelPlace = { skuToken: string; locationToken: string };

export type ShardOfEpoch = { epoch: number; shard: number };

/** Some levels of a shard and its watermark, waiting for their turn. */
type Part = {
  levels: readonly LevelWrite[];
  markKey: string;
  mark: string;
  standing: string;
  resolve: (before: string) => void;
  reject: (error: unknown) => void;
};

/**
 * Functions that take a token want the percent-encoded form of streams/subjects.ts.
 *
 * Writes of all shards that share a registry travel together: one script call is in flight, and what
 * comes meanwhile goes with the next. A call costs more than the levels in it.
 */
export class LevelRegistry {
  readonly #redis: Redis;
  #parts: Part[] = [];
  #sending = false;

  constructor(redis: Redis) {
    this.#redis = redis;
    redis.defineCommand("onhandSetIfNewer", { lua: SET_IF_NEWER });
    redis.defineCommand("onhandRemoveUnchanged", { lua: REMOVE_UNCHANGED });
    redis.defineCommand("onhandRemoveNoHash", { lua: REMOVE_NO_HASH });
  }

  /**
   * Writes levels that are newer than what stands there, then the watermark.
   * @param watermark sequence up to which this and all earlier writes of the shard speak; omitted: untouched
   * @param standing watermark that stood there after the earlier writes; when less stands there, Redis lost
   *   its content, and the watermark is left alone
   * @returns the watermark that stood there before, 0 for none
   * @throws OnhandError `registry_unavailable`; what was written before stays, a repeat is harmless
   */
  async write(
    { epoch, shard }: ShardOfEpoch,
    levels: readonly LevelWrite[],
    watermark?: number,
    standing = 0,
  ): Promise<number> {
    const markKey = `${WATERMARK_PREFIX}${epoch}:${shard}`;
    let from = 0;
    let before = "";
    do {
      const part = levels.slice(from, from + BATCH_LEVELS_MAX);
      from += BATCH_LEVELS_MAX;
      const mark = from >= levels.length && watermark !== undefined ? padded(watermark) : "";
      try {
        // One after the other: the mark goes with the last one, and speaks of what the others brought.
        before = await this.#add(part, markKey, mark, standing === 0 ? "" : padded(standing));
      } catch (error) {
        throw redisError(`write ${levels.length} levels of shard ${shard}`, error);
      }
    } while (from < levels.length);
    // The last one speaks for all: the content may have gone between two of them.
    return Number(before);
  }

  #add(
    levels: readonly LevelWrite[],
    markKey: string,
    mark: string,
    standing: string,
  ): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#parts.push({ levels, markKey, mark, standing, resolve, reject });
      if (this.#sending) return;
      this.#sending = true;
      // After this turn: what other shards write in it goes along.
      queueMicrotask(() => void this.#send());
    });
  }

  async #send(): Promise<void> {
    while (this.#parts.length > 0) {
      const parts = this.#takeParts();
      const text = linesOf(parts);
      const keys = parts.map((part) => part.markKey);
      const marks = parts.flatMap(({ mark, standing }) => [mark, standing]);
      try {
        const redis = this.#redis as ScriptedRedis;
        const found = await redis.onhandSetIfNewer(
          keys.length,
          ...keys,
          VERSION_LENGTH,
          text,
          ...marks,
        );
        for (const [i, part] of parts.entries()) part.resolve(found[i] as string);
      } catch (error) {
        for (const part of parts) part.reject(error);
      }
    }
    this.#sending = false;
  }

  /** As many as may travel in one call. */
  #takeParts(): Part[] {
    let levels = 0;
    let count = 0;
    for (const part of this.#parts) {
      levels += part.levels.length;
      if (count > 0 && (levels > BATCH_LEVELS_MAX || count === PARTS_MAX)) break;
      count++;
    }
    return this.#parts.splice(0, count);
  }

  /** Levels of single keys, in their order; undefined where nothing is known. */
  async levels(keys: readonly LevelPlace[]): Promise<(Level | undefined)[]> {
    const texts = await this.#texts(keys, (key) => this.#text(key));
    return texts.map((text) => (text === null ? undefined : parseLevel(text)));
  }

  /** The same as they stand there: `parseLevel` reads them. A key that is no hash holds none. */
  async texts(keys: readonly LevelPlace[]): Promise<(string | undefined)[]> {
    const texts = await this.#texts(keys, (key) => this.#text(key).catch(noneInNoHash));
    return texts.map((text) => text ?? undefined);
  }

  #text({ skuToken, locationToken }: LevelPlace): Promise<string | null> {
    return this.#redis.hget(STOCK_PREFIX + skuToken, locationToken);
  }

  async #texts(
    keys: readonly LevelPlace[],
    read: (key: LevelPlace) => Promise<string | null>,
  ): Promise<(string | null)[]> {
    try {
      return await Promise.all(keys.map(read));
    } catch (error) {
      throw redisError(`read ${keys.length} levels`, error);
    }
  }

  /** All levels of a SKU, by location. */
  async ofSku(skuToken: string): Promise<Level[]> {
    try {
      const levels = (await this.#redis.hvals(STOCK_PREFIX + skuToken)).map(parseLevel);
      return levels
        .filter((level) => level.location !== ANY_LOCATION)
        .sort((a, b) => (a.location < b.location ? -1 : a.location > b.location ? 1 : 0));
    } catch (error) {
      throw redisError("read the levels of a SKU", error);
    }
  }

  /** Sequence up to which the shard's levels are visible; 0 when Redis knows of none. */
  async watermark({ epoch, shard }: ShardOfEpoch): Promise<number> {
    try {
      return Number((await this.#redis.get(`${WATERMARK_PREFIX}${epoch}:${shard}`)) ?? 0);
    } catch (error) {
      throw redisError(`read the watermark of shard ${shard}`, error);
    }
  }

  /** Every level there is, a page at a time, for comparing with the truth. */
  async *scan(): AsyncGenerator<Level[]> {
    for await (const found of this.scanTexts()) yield found.map(({ text }) => parseLevel(text));
  }

  /** The same as they stand there, whatever stands there. */
  scanTexts(): AsyncGenerator<(LevelPlace & { text: string })[]> {
    const read = async (keys: string[]) => {
      const hashes = await Promise.all(keys.map((key) => this.#redis.hgetall(key)));
      return hashes.flatMap((hash, i) => {
        const skuToken = (keys[i] as string).slice(STOCK_PREFIX.length);
        const texts = Object.entries(hash);
        return texts.map(([locationToken, text]) => ({ skuToken, locationToken, text }));
      });
    };
    return this.#pages(read, { type: "hash" });
  }

  /** Keys with a SKU's name that are no hashes: none of ours. */
  scanNoHashes(): AsyncGenerator<NoHash[]> {
    return this.#pages(async (keys) => {
      const types = await Promise.all(keys.map((key) => this.#redis.type(key)));
      return keys.flatMap((key, i) => {
        const type = types[i] as string;
        const isNone = type === "hash" || type === "none";
        return isNone ? [] : [{ skuToken: key.slice(STOCK_PREFIX.length), type }];
      });
    });
  }

  async *#pages<T>(
    read: (keys: string[]) => Promise<T[]>,
    only: { type?: string } = {},
  ): AsyncGenerator<T[]> {
    const options = { match: `${STOCK_PREFIX}*`, count: SCAN_COUNT, ...only };
    try {
      for await (const keys of this.#redis.scanStream(options) as AsyncIterable<string[]>)
        yield await read(keys);
    } catch (error) {
      throw redisError("read all levels", error);
    }
  }

  /**
   * Removes single levels whatever their version, for repairs: those that stand there as they were found. What
   * was written since is newer, and nobody would write it again. S18
   * @returns how many that were
   */
  async remove(found: readonly (LevelPlace & { text: string })[]): Promise<number> {
    let removed = 0;
    try {
      for (let from = 0; from < found.length; from += BATCH_LEVELS_MAX) {
        const part = found.slice(from, from + BATCH_LEVELS_MAX);
        const redis = this.#redis as ScriptedRedis;
        removed += await redis.onhandRemoveUnchanged(
          part.length,
          ...part.map(({ skuToken }) => STOCK_PREFIX + skuToken),
          ...part.flatMap(({ locationToken, text }) => [locationToken, text]),
        );
      }
    } catch (error) {
      throw redisError(`remove ${found.length} levels`, error);
    }
    return removed;
  }

  /** Removes those that still are no hashes. @returns how many that were */
  async removeNoHashes(found: readonly NoHash[]): Promise<number> {
    const keys = found.map(({ skuToken }) => STOCK_PREFIX + skuToken);
    try {
      return await (this.#redis as ScriptedRedis).onhandRemoveNoHash(keys.length, ...keys);
    } catch (error) {
      throw redisError(`remove ${keys.length} keys that are no hashes`, error);
    }
  }

  /** Removes a shard's watermark, whatever it says: whoever runs the shard then shows every level anew. */
  async forgetWatermark({ epoch, shard }: ShardOfEpoch): Promise<void> {
    try {
      await this.#redis.del(`${WATERMARK_PREFIX}${epoch}:${shard}`);
    } catch (error) {
      throw redisError(`forget the watermark of shard ${shard}`, error);
    }
  }

  /** Removes every level and watermark; who repairs writes them anew. */
  async wipe(): Promise<void> {
    try {
      for (const match of [`${STOCK_PREFIX}*`, `${WATERMARK_PREFIX}*`])
        for await (const keys of this.#redis.scanStream({
          match,
          count: SCAN_COUNT,
        }) as AsyncIterable<string[]>)
          if (keys.length > 0) await this.#redis.unlink(...keys);
    } catch (error) {
      throw redisError("wipe the registry", error);
    }
  }
}

type ScriptedRedis = Redis & {
  onhandSetIfNewer(...args: (string | number)[]): Promise<string[]>;
  onhandRemoveUnchanged(...args: (string | number)[]): Promise<number>;
  onhandRemoveNoHash(...args: (string | number)[]): Promise<number>;
};

/** The levels as SET_IF_NEWER reads them. A function of its own: a loop in one that waits is compiled late. */
function linesOf(parts: readonly Part[]): string {
  let text = "";
  for (const { levels } of parts)
    for (const { skuToken, locationToken, version, json } of levels)
      text += `${STOCK_PREFIX}${skuToken}\t${locationToken}\t${version}${json}\n`;
  return text;
}

function noneInNoHash(error: unknown): null {
  if (error instanceof Error && error.message.startsWith("WRONGTYPE")) return null;
  throw error;
}

/** Fixed width, so that watermarks compare as text. */
const padded = (seq: number): string => String(seq).padStart(SEQ_WIDTH, "0");

/** A level from the text it stands as. */
export function parseLevel(text: string): Level {
  return JSON.parse(text.slice(VERSION_LENGTH)) as Level;
}
