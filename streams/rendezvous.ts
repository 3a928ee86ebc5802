// Pure.
// Which member runs which shard: rendezvous hashing with bounded loads. Each (member, shard) has a score and the
// highest wins, unless that member has its share already; so nobody gets more than shards / members, rounded up, a
// member that comes or goes moves little beside its own share, and everybody who sees the same members agrees
// without talking.
// Sources: Thaler and Ravishankar, "Using name-based mappings to increase hit rates" (1998); Mirrokni, Thorup and
// Zadimoghaddam, "Consistent hashing with bounded loads" (2018).

/** The member that should run each of the shards 0 to `shards` - 1; none without members. Order does not matter. */
export function ownersOf(members: readonly string[], shards: number): string[] {
  if (members.length === 0) return [];
  const shareMax = Math.ceil(shards / members.length);
  const shares = new Map<string, number>();
  const owners: string[] = [];
  for (let shard = 0; shard < shards; shard++) {
    const free = members.filter((member) => (shares.get(member) ?? 0) < shareMax);
    const owner = best(free, shard);
    shares.set(owner, (shares.get(owner) ?? 0) + 1);
    owners.push(owner);
  }
  return owners;
}

/** The shards that `member` should run. */
export function shardsOf(member: string, members: readonly string[], shards: number): number[] {
  return ownersOf(members, shards).flatMap((owner, shard) => (owner === member ? [shard] : []));
}

/** @param members at least one */
function best(members: readonly string[], shard: number): string {
  let found = members[0] as string;
  let foundScore = -1;
  for (const member of members) {
    const memberScore = score(member, shard);
    if (memberScore > foundScore || (memberScore === foundScore && member < found)) {
      found = member;
      foundScore = memberScore;
    }
  }
  return found;
}

/** FNV-1a over the name, the shard mixed in, then murmur3's finaliser so that near numbers part. */
function score(member: string, shard: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < member.length; i++) {
    hash = Math.imul(hash ^ member.charCodeAt(i), 0x01000193);
  }
  hash ^= Math.imul(shard + 1, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
