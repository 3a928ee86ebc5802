// Pure.
// `policy`: the planner's part (plan) and the merchant's (channels, backorderLimit) of a key. Each part given
// replaces the whole part; each policy raises its version by one.

import type { Command } from "./command.ts";
import { refreshLate } from "./order_lines.ts";
import { APPLIED, LIMIT_EXCEEDED, VERSION_CONFLICT } from "./reasons.ts";
import type { Shard } from "./shard.ts";
import type { ChannelRule, KeyState } from "./state.ts";

export function policy(s: Shard, c: Command, key: KeyState): number {
  const { plan, channels, backorderLimit, ifVersion } = c.raw;
  const version = key.rare?.policyVersion ?? 0;
  if (s.isFull(key)) return LIMIT_EXCEEDED;
  if (ifVersion !== undefined && ifVersion !== version) {
    s.detail = `ifVersion: ${ifVersion} is not the current version, ${version}`;
    return VERSION_CONFLICT;
  }
  s.book(key, c, "command", c.atMs, null);
  const rare = s.rare(key);
  rare.policyVersion = version + 1;
  if (plan !== undefined) rare.plan = plan;
  if (channels !== undefined) rare.channels = rulesOf(channels);
  if (backorderLimit !== undefined) rare.backorderLimit = backorderLimit;
  refreshLate(s, key);
  return APPLIED;
}

/** Rules in code unit order of their channels, so that a level reads the same after a restore. */
export function rulesOf(channels: Record<string, ChannelRule>): Map<string, ChannelRule> {
  const names = Object.keys(channels).sort();
  return new Map(names.map((name) => [name, channels[name] as ChannelRule]));
}
