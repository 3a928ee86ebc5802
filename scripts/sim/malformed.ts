// Pure.
// Entries that are no commands: what broken tills, strangers and wrong tools put into a log.

import { partition } from "../../streams/partition.ts";
import { bundleSubject, logSubject, toToken } from "../../streams/subjects.ts";
import type { Chance } from "./chance.ts";

type Where = {
  epoch: number;
  streams: readonly unknown[];
  skus: readonly string[];
  locations: readonly string[];
};

/** One bad entry; its subject belongs to the shard it is sent to. */
export function malformedEntry(
  chance: Chance,
  where: Where,
): { shard: number; subject: string; text: string } {
  const sku = chance.pick(where.skus);
  const location = chance.pick(where.locations);
  const shard = partition(toToken(sku), where.streams.length);
  const good = logSubject(where.epoch, shard, location, sku);
  const single = (text: string) => ({ shard, subject: good, text });
  const bundle = (text: string) => ({ shard, subject: bundleSubject(where.epoch, shard), text });
  const other = where.skus.find((name) => partition(toToken(name), where.streams.length) !== shard);
  const entries = [
    single(""),
    single("{"),
    single("null"),
    single("[]"),
    single('"sale"'),
    single('{"type":"theft","qty":1}'),
    single('{"type":"sale"}'),
    single('{"type":"sale","qty":-1}'),
    single('{"type":"sale","qty":1.5}'),
    single('{"type":"sale","qty":1e300}'),
    single('{"type":"sale","qty":"2"}'),
    single('{"type":"sale","qty":1,"extra":true}'),
    single('{"type":"sale","qty":1,"location":"elsewhere"}'),
    single(`{"type":"sale","qty":1,"id":"${"x".repeat(129)}"}`),
    single('{"type":"sale","qty":1,"at":"yesterday"}'),
    single('{"type":"policy","plan":{"mode":"autopilot","reorderPoint":1,"orderUpTo":2}}'),
    single('{"qty":0}'),
    single('{"qty":-0}'),
    single('{"qty":true}'),
    single('{"type":"__proto__","qty":1}'),
    bundle("{}"),
    bundle("[]"),
    bundle(
      `[${JSON.stringify({ type: "sale", sku, location, qty: 1, id: `b${chance.int(1, 9)}` })},7]`,
    ),
    bundle(JSON.stringify([{ type: "sale", sku, location: "-", qty: 1 }])),
    bundle(JSON.stringify([{ type: "sale", sku: other ?? "", location, qty: 1 }])),
    bundle(`[${Array.from({ length: 257 }, () => "{}").join(",")}]`),
    { shard, subject: `${good}.more`, text: '{"qty":1}' },
    { shard, subject: `inv.log.${where.epoch}.${shard}.%61.${toToken(sku)}`, text: '{"qty":1}' },
  ];
  return chance.pick(entries);
}
