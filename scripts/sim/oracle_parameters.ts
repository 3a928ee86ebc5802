// The oracle's policies and order lines: what planners, merchants and procurement say of a key.
import { parseTime } from "../../shared/time.ts";
import type { OracleCommand } from "./oracle_decode.ts";
import { type FactContext, lineOf } from "./oracle_facts.ts";
import type { OracleKey, OracleRule } from "./oracle_state.ts";
import type { Verdict } from "./oracle_verdict.ts";

export function policy({ state }: FactContext, command: OracleCommand): Verdict {
  const { body, sku, location } = command;
  const key = state.key(sku, location);
  if (body.ifVersion !== undefined && body.ifVersion !== key.policyVersion)
    return "version_conflict";
  key.policyVersion += 1;
  key.isKept = true;
  if (body.plan !== undefined) key.plan = body.plan as NonNullable<OracleKey["plan"]>;
  if (body.channels !== undefined)
    key.rules = new Map(Object.entries(body.channels as Record<string, OracleRule>));
  if (body.backorderLimit !== undefined) key.backorderLimit = Number(body.backorderLimit);
  return undefined;
}

/** The whole truth about one order line; a lower rev is ignored. */
export function order({ state }: FactContext, command: OracleCommand): Verdict {
  const { body, sku, location } = command;
  const line = lineOf(state, state.key(sku, location), body);
  const rev = Number(body.rev);
  if (rev < line.rev) return undefined;
  line.rev = rev;
  line.ordered = Number(body.ordered);
  line.status = String(body.status);
  line.etaMs = typeof body.eta === "string" ? parseTime(body.eta) : undefined;
  return undefined;
}
