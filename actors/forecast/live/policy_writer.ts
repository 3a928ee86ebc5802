// Owns the way of plans into the log: one `policy` command a series at a time, through our publisher in bundles,
// with an id made from what it is about, so that a repeat does nothing.
//
// W1 At most one command of a series is under way; what was decided meanwhile is decided anew afterwards.
// W2 `ifVersion` is the version the plan was decided on: when a merchant's or another's policy came first, the command
//    is refused, and the plan is decided again on what holds now.
import { createHash } from "node:crypto";
import type { Decision } from "../../../shared/decisions.ts";
import { OnhandError } from "../../../shared/errors.ts";
import type { Command } from "../../../shared/messages.ts";
import type { Publisher } from "../../../streams/publisher.ts";
import type { Plan } from "../policy/decide_policy.ts";
import type { SeriesName } from "./history.ts";

/** Shows in the ledger who made it. */
export const PLANNER_CHANNEL = "planner";
const CAUSE_LENGTH_MAX = 200;

/** `applied`: in force as `version`. `conflict`: another policy came first. `refused`: see `detail`. */
export type Written =
  | { outcome: "applied"; version: number }
  | { outcome: "conflict" }
  | { outcome: "refused"; detail: string };

export type PlanToWrite = SeriesName & {
  plan: Plan;
  /** Version of the policy in force that the plan was decided on. */
  ifVersion: number;
};

/** The command of a plan; the same plan on the same version has the same id and content. */
export function policyCommand({ sku, location, plan, ifVersion }: PlanToWrite): Command {
  const { mode, reorderPoint, orderUpTo, safetyStock } = plan;
  const cause = plan.cause.slice(0, CAUSE_LENGTH_MAX).toWellFormed();
  const content = { mode, reorderPoint, orderUpTo, safetyStock, cause };
  const digest = createHash("sha256").update(JSON.stringify(content)).digest("base64url");
  return {
    type: "policy",
    id: `plan.${ifVersion}.${digest.slice(0, 22)}`,
    sku,
    location,
    channel: PLANNER_CHANNEL,
    plan: content,
    ifVersion,
  };
}

/** Sends a plan and waits for its decision. @throws OnhandError retryable while the log is away */
export async function writePlan(publisher: Publisher, write: PlanToWrite): Promise<Written> {
  const decision = await publisher.decide(policyCommand(write));
  return writtenOf(decision, write.ifVersion);
}

function writtenOf(decision: Decision, ifVersion: number): Written {
  const outcome = decision.outcome === "duplicate" ? decision.first : decision.outcome;
  if (outcome === "applied") return { outcome: "applied", version: ifVersion + 1 };
  if (decision.reason === "version_conflict") return { outcome: "conflict" };
  return { outcome: "refused", detail: `${decision.reason ?? outcome}: ${decision.detail ?? ""}` };
}

/** Whether trying the same again may help. */
export function isPassing(error: unknown): boolean {
  return error instanceof OnhandError && error.retryable;
}
