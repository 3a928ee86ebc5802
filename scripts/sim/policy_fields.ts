// Pure.
// Makes the fields of a policy command from a seed: some of its parts, each within small bounds.
import type { Chance } from "./chance.ts";

/** What a `policy` command carries besides its place. */
export function policyFields(chance: Chance): Record<string, unknown> {
  const policy: Record<string, unknown> = {};
  if (chance.is(0.7)) {
    const reorderPoint = chance.int(0, 12);
    policy.plan = {
      mode: chance.pick(["observe", "recommend", "autopilot", "autopilot"]),
      reorderPoint,
      orderUpTo: reorderPoint + chance.int(0, 20),
      ...(chance.is(0.5) ? { lateGraceDays: chance.int(0, 3) } : {}),
      ...(chance.is(0.3) ? { max: chance.int(10, 40) } : {}),
    };
  }
  if (chance.is(0.5)) {
    policy.channels = {
      web: {
        buffer: chance.int(0, 3),
        ...(chance.is(0.5) ? { priority: chance.int(1, 3) } : {}),
      },
      ...(chance.is(0.3) ? { market: { closed: chance.is(0.5), max: chance.int(0, 5) } } : {}),
    };
  }
  if (chance.is(0.4)) policy.backorderLimit = chance.int(0, 10);
  if (chance.is(0.1)) policy.ifVersion = chance.int(0, 3);
  return policy;
}
