// Owns what a decision, or its absence, becomes at the edge: 200 with the decision, a problem for a
// rejection, 202 with a Location after the deadline. Shared by HTTP and the NATS services.

import type { Decision } from "../shared/decisions.ts";
import { OnhandError } from "../shared/errors.ts";
import type { Command } from "../shared/messages.ts";
import { isApplied } from "./hold_flow.ts";
import type { DecidePort, Edge } from "./ports.ts";
import { isProblemCode, type ProblemCode, problemBody, problemEntry } from "./problems.ts";
import { problemOf } from "./reply.ts";

/** The outcome of one command at the edge. */
export type Answered =
  | { status: 200; decision: Decision }
  | { status: 202; pending: { id: string; pending: true; location: string } }
  | { status: number; problem: Record<string, unknown>; code: ProblemCode };

/** A decider that measures: what the edge hands to its routes. */
export function measured(decider: DecidePort, metrics: Edge["metrics"]): DecidePort {
  return {
    epoch: decider.epoch,
    shards: decider.shards,
    async decide(command, deadlineMs) {
      const started = performance.now();
      const decision = await decider.decide(command, deadlineMs);
      const now = performance.now();
      metrics.decision(decision, now - started, now);
      return decision;
    },
  };
}

/** Sends `command` (which has its id) and tells how it went; throws nothing that is an operating error. */
export async function answer(
  edge: Pick<Edge, "decider" | "deadlineMs">,
  command: Command,
): Promise<Answered> {
  let decision: Decision;
  try {
    decision = await edge.decider.decide(command, edge.deadlineMs);
  } catch (error) {
    if (!isPending(error)) {
      const problem = problemOf(error);
      if (problem.code === "internal") throw error;
      return answeredProblem(problem.code, problem.message, problem.extra);
    }
    const id = command.id ?? "";
    return { status: 202, pending: { id, pending: true, location: decisionPath(command) } };
  }
  if (isApplied(decision)) return { status: 200, decision };
  const code = codeOf(decision);
  return answeredProblem(code, rejectionDetail(command, decision), { decision });
}

/** Whether the command may have been stored though no decision came in time. */
export function isPending(error: unknown): boolean {
  return error instanceof OnhandError && error.fields.sent === true;
}

/** The problem a decision that is no success is told as. */
export function codeOf(decision: Decision): ProblemCode {
  const reason = decision.reason ?? "malformed";
  return isProblemCode(reason) ? reason : "malformed";
}

export function answeredProblem(
  code: ProblemCode,
  detail: string,
  extra: Record<string, unknown> = {},
): Answered {
  return { status: problemEntry(code).status, code, problem: problemBody(code, detail, extra) };
}

/** Where a command's decision can be asked for later. */
export function decisionPath(command: Command): string {
  const query = new URLSearchParams({ sku: command.sku, location: command.location });
  return `/v1/commands/${encodeURIComponent(command.id ?? "")}?${query}`;
}

function rejectionDetail(command: Command, { detail, reason, level }: Decision): string {
  if (detail !== undefined) return detail;
  const what = `Cannot ${command.type} ${command.sku} at ${command.location}: ${reason}`;
  const isForStock = reason === "insufficient_available" || reason === "backorder_limit";
  return isForStock && level !== undefined ? `${what}, ${level.available} available` : what;
}
