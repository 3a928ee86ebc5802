// Owns that a placed hold of several lines is told their places, though its decision came without: a repeat, for the
// machine remembers of a decision the place and level of one line, and one of a bundle whose decisions were too large
// for one message. The ledger has them all, a commit later. When it does not answer in time the decision stays
// without lines: whoever shows it tells what was asked, never a place or level of another line.

import { setTimeout as sleep } from "node:timers/promises";
import { HTTP_COMMIT_POLL_MS, HTTP_COMMIT_WAIT_MS } from "../shared/limits.ts";
import type { Decision, DecisionLine } from "../shared/messages.ts";
import { isApplied } from "./hold_flow.ts";
import type { LedgerReads } from "./ledger_reads.ts";
import type { DecidePort } from "./ports.ts";

/** `decider`, whose decisions of a placed hold of several lines tell them, if the ledger can. */
export function withFirstLines(
  decider: DecidePort,
  ledger: Pick<LedgerReads, "lines">,
): DecidePort {
  return {
    epoch: decider.epoch,
    shards: decider.shards,
    decide(command, deadlineMs) {
      const decided = decider.decide(command, deadlineMs);
      const isOfSeveral = "lines" in command && command.lines.length > 1;
      return isOfSeveral ? completed(decided, ledger) : decided;
    },
  };
}

async function completed(
  decided: Promise<Decision>,
  ledger: Pick<LedgerReads, "lines">,
): Promise<Decision> {
  const decision = await decided;
  if (decision.lines !== undefined || !isApplied(decision)) return decision;
  const lines = await firstLines(ledger, decision);
  return lines === undefined ? decision : { ...decision, lines };
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
