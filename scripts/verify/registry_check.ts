// Owns comparing the registry with the levels of a fold, level by level, while the system may be running: a key
// that moved on is looked at again after the fold caught up.
import type { Machine } from "../../actors/runtime/machine.ts";
import type { Level } from "../../shared/messages.ts";
import type { LevelRegistry, LevelWrite } from "../../shared/registry.ts";
import { toToken } from "../../streams/subjects.ts";
import type { Differences } from "./difference.ts";

const PAGE = 1_000;

/** Keys whose level in the registry is not that of the machine. */
export async function mismatches(
  registry: LevelRegistry,
  machine: Machine,
  keys: Iterable<object>,
): Promise<{ key: object; found: Level | undefined }[]> {
  const wrong: { key: object; found: Level | undefined }[] = [];
  let page: object[] = [];
  const check = async (): Promise<void> => {
    const levels = page.map((key) => machine.level(key));
    const found = await registry.levels(levels.map(tokensOf));
    levels.forEach((level, i) => {
      if (JSON.stringify(level) !== JSON.stringify(found[i]))
        wrong.push({ key: page[i] as object, found: found[i] });
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

export function tokensOf(level: { sku: string; location: string }) {
  return { skuToken: toToken(level.sku), locationToken: toToken(level.location) };
}

/** Tells each field in which a level of the registry differs. */
export function tellRegistry(
  differences: Differences,
  shard: number,
  expected: Level,
  found: Level | undefined,
): void {
  const { sku, location } = expected;
  const base = { between: "registry", shard, sku, location } as const;
  if (found === undefined) {
    differences.add({ ...base, field: "level", expected: expected.version, found: undefined });
    return;
  }
  for (const field of Object.keys(expected) as (keyof Level)[])
    if (JSON.stringify(expected[field]) !== JSON.stringify(found[field]))
      differences.add({ ...base, field, expected: expected[field], found: found[field] });
}

export function writeOf(level: Level): LevelWrite {
  return { ...tokensOf(level), version: level.version, json: JSON.stringify(level) };
}
