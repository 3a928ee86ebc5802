// Pure.
// Versions as servers print them: "nats-server: v2.15.1", "Redis server v=7.0.15 sha=…", "postgres (PostgreSQL) 18.4".

/** The first dotted numbers, two or three, in a server's own words, or undefined. */
export function parseVersion(output: string): string | undefined {
  return /(?:^|[^\d.])(\d+(?:\.\d+){1,2})/.exec(output)?.[1];
}

/** Below, equal or above zero as `a` is older than, the same as or newer than `b`. */
export function compareVersions(a: string, b: string): number {
  const left = a.split(".").map(Number);
  const right = b.split(".").map(Number);
  for (let i = 0; i < 3; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
