// Owns that a hold of several lines is told their places when it was placed, and those that were short when it was
// refused, though its decision came without: a repeat, for the machine remembers of a decision the place and level of one
// line, and one of a bundle whose decisions were too large for one message. The ledger has them all, a commit later. When
// it does not answer in time the decision stays without lines: whoever shows it tells what was asked, never a place or
// level of another line.

import { setTimeout as sleep } from "node:timers/promises";
import type { Decision, DecisionLine } from "../shared/decisions.ts";
import { ANY_LOCATION } from "../shared/ids.ts";
import { HTTP_COMMIT_POLL_MS, HTTP_COMMIT_WAIT_MS } from "../shared/limits.ts";
import type { Command } from "../shared/messages.ts";
import { isApplied, isRefusedForStock } from "./hold_flow.ts";
import type { LedgerReads } from "./ledger_reads.ts";
import type { DecidePort } from "./ports.ts";

/** `decider`, whose decisions of a hold of several lines tell them, if the ledger can. */
export function withFirstLines(
  decider: DecidePort,
  ledger: Pick<LedgerReads, "lines">,
): DecidePort {
  return {
    epoch: decider.epoch,
    shards: decider.shards,
    decide(command, deadlineMs) {
      const decided = decider.decide(command, deadlineMs);
      return command.type === "hold" ? completed(command, decided, ledger) : decided;
    },
  };
}

/** Whether the first time the decision told its lines, and its level alone does not. */
function toldLines(command: Command, decision: Decision): boolean {
  const isOfSeveral = "lines" in command && command.lines.length > 1;
  if (isApplied(decision)) return isOfSeveral;
  if (!isRefusedForStock(decision)) return false;
  return "lines" in command || command.location === ANY_LOCATION;
}

async function completed(
  command: Command,
  decided: Promise<Decision>,
  ledger: Pick<LedgerReads, "lines">,
): Promise<Decision> {
  const decision = await decided;
  if (decision.lines !== undefined || !toldLines(command, decision)) return decision;
  const lines = await firstLines(ledger, decision);
  return lines === undefined || lines.length === 0 ? decision : { ...decision, lines };
}

/** The decision may come before its commit. */
async function firstLines(
  ledger: Pick<LedgerReads, "lines">,
  decision: Decision,
): Promise<DecisionLine[] | undefined> {
  const until = performance.now() + HTTP_COMMIT_WAIT_MS;
  for (;;) {
    const lines = await ledger.lines(decision).catch(() => null);
    if (lines === null) return undefined;
    if (lines !== undefined || performance.now() > until) return lines;
    await sleep(HTTP_COMMIT_POLL_MS);
  }
}
