// Pure.
// Which shard a SKU lives in: the same hash as nats-server's subject mapping function
// `partition(n, 2)`, so that a plain `nats pub` and our publishers agree.
// Source: nats-server, server/subject_transform.go, getHashPartition (FNV-1a 32, unsigned).

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * Shard of a SKU token among `shards`.
 * @param token the SKU as it stands in the subject (see `toToken`): ASCII only.
 */
export function partition(token: string, shards: number): number {
  let hash = FNV_OFFSET;
  for (let i = 0; i < token.length; i++) {
    hash = Math.imul(hash ^ token.charCodeAt(i), FNV_PRIME);
  }
  return (hash >>> 0) % shards;
}
