// Pure.
// The event id of the live feed: up to which version each shard's levels were sent, as compact text,
// `<epoch>~<seq>.<index>~…` in base 36, one part a shard. It means the same to every edge.

import { formatVersion, parseVersion } from "../shared/version.ts";

/** Versions (shared/version.ts) by shard; undefined where nothing was seen. */
export type Vector = (string | undefined)[];

const INDEX_MAX = 999;

export function encodeVector(epoch: number, vector: Vector): string {
  let text = epoch.toString(36);
  for (const version of vector) {
    const parts = version === undefined ? undefined : parseVersion(version);
    if (parts === undefined) text += "~";
    else if (parts.index === 0) text += `~${parts.seq.toString(36)}`;
    else text += `~${parts.seq.toString(36)}.${parts.index.toString(36)}`;
  }
  return text;
}

/** The vector of an event id, or undefined when it is none of this epoch and shard count. */
export function decodeVector(text: string, epoch: number, shards: number): Vector | undefined {
  const [head, ...parts] = text.split("~");
  if (head !== epoch.toString(36) || parts.length !== shards) return undefined;
  const vector: Vector = [];
  for (const part of parts) {
    const m = /^(?:([0-9a-z]{1,10})(?:\.([0-9a-z]{1,2}))?)?$/.exec(part);
    if (m === null) return undefined;
    if (m[1] === undefined) vector.push(undefined);
    else {
      const seq = Number.parseInt(m[1], 36);
      const index = m[2] === undefined ? 0 : Number.parseInt(m[2], 36);
      if (seq > 1e14 - 1 || index > INDEX_MAX) return undefined;
      vector.push(formatVersion(epoch, seq, index));
    }
  }
  return vector;
}

/** Whether `a` has nothing that `b` has not: every part at most that of `b`. */
export function within(a: Vector, b: Vector): boolean {
  return a.every((version, shard) => version === undefined || version <= (b[shard] ?? ""));
}
