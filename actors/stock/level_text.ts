// Pure.
// The level of a key as JSON text: JSON.stringify of `levelOf`, faster. A decision tells the level of its key, and soon
// after the level message of the same key tells it again: the text stands at the key until then.

import { quoted } from "./json_text.ts";
import { inventoryPosition, levelOf } from "./level.ts";
import type { Shard } from "./shard.ts";
import { type KeyState, PLAIN } from "./state.ts";

/** The text, kept at the key until the key changes or `takeLevelJson` takes it. */
export function levelJson(s: Shard, key: KeyState): string {
  if (key.json === null) {
    key.json = renderLevel(s, key);
    // Asking for a character makes one flat text of the parts, once for all who copy it.
    key.json.charCodeAt(0);
  }
  return key.json;
}

/** The text for whoever tells it last: a million keys keep none. */
export function takeLevelJson(s: Shard, key: KeyState): string {
  const json = key.json ?? renderLevel(s, key);
  key.json = null;
  return json;
}

function renderLevel(s: Shard, key: KeyState): string {
  const version = s.versionOf(key);
  const updatedAt = s.formatMs(key.updatedMs);
  if (key.rare !== null) return JSON.stringify(levelOf(key, version, updatedAt));
  const { sellable, reserved, unavailable } = key;
  const available = sellable - reserved;
  const free = available > 0 ? available : 0;
  return (
    `${headJson(key)},"onHand":${sellable + unavailable},"sellable":${sellable},"unavailable":{}` +
    `,"reserved":${reserved},"available":${available}${restJson(key, free - available)}` +
    `,"atp":{"default":${free}},"inventoryPosition":${inventoryPosition(key)}` +
    `,"version":"${version}","updatedAt":"${updatedAt}"}`
  );
}

function headJson(key: KeyState): string {
  const { sku } = key.sku;
  const { location } = key;
  if ((key.flags & PLAIN) !== 0) return `{"sku":"${sku}","location":"${location}"`;
  return `{"sku":${quoted(sku)},"location":${quoted(location)}`;
}

function restJson({ backordered, inTransit, onOrder }: KeyState, oversold: number): string {
  if (oversold === 0 && backordered === 0 && inTransit === 0 && onOrder === 0) return NO_REST;
  return `,"oversold":${oversold},"backordered":${backordered},"inTransit":${inTransit},"onOrder":${onOrder}`;
}

const NO_REST = ',"oversold":0,"backordered":0,"inTransit":0,"onOrder":0';
