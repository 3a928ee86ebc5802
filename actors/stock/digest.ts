// Pure.
// The digest of a shard: SHA-256 over its whole state in canonical order, so that equal states have equal digests
// whatever way they came about (S3). The identity tiers are caches of the ledger and do not count.

import { groupState, rareState } from "./changes.ts";
import { canonical } from "./decode_command.ts";
import { Sha256 } from "./sha256.ts";
import type { Shard } from "./shard.ts";
import {
  type Hold,
  type KeyState,
  NEVER_MS,
  type OrderLine,
  type SkuState,
  SUPPLIED,
  type Transfer,
} from "./state.ts";

export function digestOf(s: Shard): string {
  const sha = new Sha256();
  const line = (value: unknown) => sha.text(`${canonical(value)}\n`);
  line([s.epoch, s.shard, s.seq, s.now, s.nextHold, s.nextFinished, s.nextLost, s.nextClosed]);
  line([...s.clockAlerts]);
  line([s.movements.coveredFromMs]);
  const holds = holdsBySku(s);
  for (const sku of [...s.skus.keys()].sort()) {
    const state = s.skus.get(sku) as SkuState;
    for (const key of keysOf(state)) line(keyText(s, key));
    for (const hold of holds.get(state) ?? []) line(holdText(hold));
    for (const transfer of byId(state.rare?.transfers)) line(transferText(transfer));
    for (const name of [...(state.rare?.lost?.keys() ?? [])].sort()) {
      const lost = state.rare?.lost?.get(name);
      if (lost === undefined) continue;
      const { location, atMs, madeMs, asked, got, number } = lost;
      line(["lost", sku, name, location, atMs, madeMs, asked, got, lost.lost, number]);
    }
  }
  return sha.hex();
}

function keysOf(sku: SkuState): KeyState[] {
  const keys: KeyState[] = [];
  for (let key = sku.first; key !== null; key = key.next) keys.push(key);
  return keys.sort((a, b) => (a.location < b.location ? -1 : 1));
}

function byId<T>(map: ReadonlyMap<string, T> | null | undefined): T[] {
  if (!map) return [];
  return [...map.keys()].sort().map((id) => map.get(id) as T);
}

function keyText(s: Shard, key: KeyState): unknown {
  const { rare } = key;
  const movements: unknown[] = [];
  s.movements.each(key.movement, (bucket, atMs, delta) => {
    movements.push([s.bucketNames[bucket], atMs, delta]);
  });
  const head = [key.sku.sku, key.location, key.epoch, key.seq, key.index, key.updatedMs];
  const units = [key.sellable, key.reserved, key.firm, key.unavailable, key.backordered];
  const inbound = [key.inTransit, key.onOrder, rare?.late ?? 0, (key.flags & SUPPLIED) !== 0];
  const lines = byId(rare?.lines).map(lineText);
  const state = rare === null ? {} : rareState(rare);
  const waiting = rare?.waiting.map((hold) => hold.number) ?? [];
  return ["key", ...head, ...units, ...inbound, state, lines, waiting, movements];
}

function lineText(line: OrderLine): unknown {
  const { order, need, rev, ordered, received, status, etaMs, quietMs, closing } = line;
  const closed = closing === 0 ? null : line.closedMs;
  return [order, line.line, need, rev, ordered, received, status, etaMs, quietMs, closing, closed];
}

/** Holds by SKU, in order of creation. */
function holdsBySku(s: Shard): Map<SkuState, Hold[]> {
  const bySku = new Map<SkuState, Hold[]>();
  for (const hold of s.holds) {
    const holds = bySku.get(hold.key.sku);
    if (holds === undefined) bySku.set(hold.key.sku, [hold]);
    else holds.push(hold);
  }
  for (const holds of bySku.values()) holds.sort((a, b) => a.number - b.number);
  return bySku;
}

function holdText(hold: Hold): unknown {
  const { id, key, number, qty, backordered, status, firm, channel, shopper, group } = hold;
  const end = [hold.finished, hold.finishedMs, hold.dueMs === NEVER_MS ? null : hold.dueMs];
  const lines = group?.lines.map((line) => line.number).sort((a, b) => a - b) ?? [];
  const part = group === null ? null : [group.number, groupState(group), lines];
  const what = [id, key.location, number, qty, backordered, status, firm, channel, shopper];
  return ["hold", ...what, ...end, part];
}

function transferText(transfer: Transfer): unknown {
  const { id, key, source, shipped, arrived, closed, cancelled, named, lost, etaMs } = transfer;
  const end = [transfer.closing, transfer.closing === 0 ? null : transfer.closedMs];
  return [
    "transfer",
    id,
    key.location,
    source,
    shipped,
    arrived,
    closed,
    cancelled,
    named,
    lost,
    etaMs,
    ...end,
  ];
}
