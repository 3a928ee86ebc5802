// Owns comparing the registry with the levels of a fold, level by level, while the system may be running: a key
// that moved on is looked at again after the fold caught up.
import type { Machine } from "../../actors/runtime/machine.ts";
import type { Level } from "../../shared/decisions.ts";
import {
  type LevelPlace,
  type LevelRegistry,
  type LevelWrite,
  parseLevel,
} from "../../shared/registry.ts";
import { parseVersion, VERSION_LENGTH } from "../../shared/version.ts";
import type { NatsConnection } from "../../streams/connection.ts";
import { partition } from "../../streams/partition.ts";
import { streamIdentity } from "../../streams/stream_state.ts";
import { fromToken, stockStream, toToken } from "../../streams/subjects.ts";
import type { Topology } from "../../streams/topology.ts";
import { type Differences, placeOf } from "./difference.ts";

const PAGE = 1_000;

/** What is shown of a text that is no level. */
const TEXT_SHOWN_MAX = 60;

/** A key whose level is another in the registry, and what stands there; without `found` that is no level. */
export type Wrong = { key: object; found: Level | undefined; text: string | undefined };

/** Keys whose level in the registry is not that of the machine. */
export async function mismatches(
  registry: LevelRegistry,
  machine: Machine,
  keys: Iterable<object>,
): Promise<Wrong[]> {
  const wrong: Wrong[] = [];
  let page: object[] = [];
  const check = async (): Promise<void> => {
    const levels = page.map((key) => machine.level(key));
    const texts = await registry.texts(levels.map(tokensOf));
    levels.forEach((level, i) => {
      const text = texts[i];
      const found = text === undefined ? undefined : levelIn(text);
      if (JSON.stringify(level) !== JSON.stringify(found))
        wrong.push({ key: page[i] as object, found, text });
    });
    page = [];
  };
  for (const key of keys) {
    page.push(key);
    if (page.length >= PAGE) await check();
  }
  await check();
  return wrong;
}

/** The level that stands as `text`, or undefined when a registry never wrote such a one. */
function levelIn(text: string): Level | undefined {
  try {
    const level = parseLevel(text);
    const { sku, location, version } = level;
    const isNamed = typeof sku === "string" && typeof location === "string";
    return isNamed && version === text.slice(0, VERSION_LENGTH) ? level : undefined;
  } catch {
    return undefined;
  }
}

export function tokensOf(level: { sku: string; location: string }) {
  return { skuToken: toToken(level.sku), locationToken: toToken(level.location) };
}

/** Tells each field in which a level of the registry differs. */
export function tellRegistry(
  differences: Differences,
  shard: number,
  expected: Level,
  { found, text }: Wrong,
): void {
  const { sku, location } = expected;
  const base = { between: "registry", shard, sku, location } as const;
  if (found === undefined) {
    const shown = text?.slice(0, TEXT_SHOWN_MAX);
    differences.add({ ...base, field: "level", expected: expected.version, found: shown });
    return;
  }
  for (const field of Object.keys(expected) as (keyof Level)[])
    if (JSON.stringify(expected[field]) !== JSON.stringify(found[field]))
      differences.add({ ...base, field, expected: expected[field], found: found[field] });
}

export function writeOf(level: Level): LevelWrite {
  return { ...tokensOf(level), version: level.version, json: JSON.stringify(level) };
}

/** Whether a level is of an entry that is in the log and was not folded here. */
export function isBetween(version: string, foldedTo: number, lastSeq: number): boolean {
  const seq = parseVersion(version)?.seq ?? 0;
  return seq > foldedTo && seq <= lastSeq;
}

type StrangerOptions = {
  nc: NatsConnection;
  registry: LevelRegistry;
  topology: Topology;
  /** Remove them. */
  repair: boolean;
};

/** What was compared: the shards by number, their keys, and the shards whose watermark is beyond their log. */
type Compared = {
  shards: readonly { foldedTo: number }[];
  known: ReadonlySet<string>;
  ahead: ReadonlySet<number>;
};

/**
 * What stands in the registry where no fold made a level: levels nobody made, or in another's place, and what is no
 * level; those of entries that came meanwhile are left for the next time.
 */
export async function checkStrangers(
  { nc, registry, topology, repair }: StrangerOptions,
  { shards, known, ahead }: Compared,
  differences: Differences,
): Promise<number> {
  const lastSeqs = new Map<number, number>();
  const came = async ({ sku, version }: Level) => {
    const shard = partition(toToken(sku), topology.shards);
    const foldedTo = shards[shard]?.foldedTo ?? 0;
    if (ahead.has(shard)) return false;
    if ((parseVersion(version)?.seq ?? 0) <= foldedTo) return false;
    if (!isBetween(version, foldedTo, lastSeqs.get(shard) ?? 0)) {
      const stream = stockStream(topology.epoch, shard);
      lastSeqs.set(shard, (await streamIdentity(nc, stream)).lastSeq);
    }
    return isBetween(version, foldedTo, lastSeqs.get(shard) ?? 0);
  };
  let repaired = 0;
  for await (const all of registry.scanTexts()) {
    const strangers: (LevelPlace & { text: string })[] = [];
    for (const one of all) {
      const { skuToken, locationToken, text } = one;
      const sku = fromToken(skuToken) ?? skuToken;
      const location = fromToken(locationToken) ?? locationToken;
      if (known.has(placeOf({ sku, location }))) continue;
      const found = levelIn(text);
      const level = found?.sku === sku && found.location === location ? found : undefined;
      const isOurs = Number(level?.version.slice(0, 4) ?? 0) <= topology.epoch;
      if (level !== undefined && (!isOurs || (await came(level)))) continue;
      strangers.push(one);
      differences.add({
        between: "registry",
        shard: partition(skuToken, topology.shards),
        sku,
        location,
        field: "level",
        expected: undefined,
        found: level?.version ?? text.slice(0, TEXT_SHOWN_MAX),
      });
    }
    if (repair && strangers.length > 0) repaired += await registry.remove(strangers);
  }
  return repaired + (await checkNoHashes({ registry, topology, repair }, differences));
}

/** Keys of SKUs that are no hashes. */
async function checkNoHashes(
  { registry, topology, repair }: Omit<StrangerOptions, "nc">,
  differences: Differences,
): Promise<number> {
  let repaired = 0;
  for await (const found of registry.scanNoHashes()) {
    for (const { skuToken, type } of found)
      differences.add({
        between: "registry",
        shard: partition(skuToken, topology.shards),
        sku: fromToken(skuToken) ?? skuToken,
        location: "",
        field: "key",
        expected: "hash",
        found: type,
      });
    if (repair && found.length > 0) repaired += await registry.removeNoHashes(found);
  }
  return repaired;
}
