// Owns holds whose caller waits no longer: a hold over several shards is brought to its outcome after
// the deadline too, for a bounded time and a bounded number. What fails then expires by itself.

import { OnhandError } from "../shared/errors.ts";
import { HTTP_HOLD_FINISH_MS, HTTP_HOLD_FINISHING_MAX } from "../shared/limits.ts";
import { type HoldOutcome, type HoldRequest, placeHold, spansShards } from "./hold_flow.ts";
import type { DecidePort } from "./ports.ts";

/**
 * A function that places a hold and answers within `deadlineMs`.
 * @throws OnhandError of `decide`; with `fields.sent` true when the outcome is still open
 */
export function holdFinisher(
  decider: DecidePort,
  deadlineMs: number,
): (request: HoldRequest) => Promise<HoldOutcome> {
  let finishing = 0;
  return async (request) => {
    const spans = spansShards(request.lines, decider.shards);
    if (!spans || finishing >= HTTP_HOLD_FINISHING_MAX) {
      return placeHold(decider, request, deadlineMs);
    }
    finishing += 1;
    const whole = placeHold(decider, request, HTTP_HOLD_FINISH_MS).finally(() => {
      finishing -= 1;
    });
    whole.catch(() => {});
    return withDeadline(whole, deadlineMs);
  };
}

function withDeadline(whole: Promise<HoldOutcome>, deadlineMs: number): Promise<HoldOutcome> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const message = `Cannot tell the hold's outcome: none within ${deadlineMs} ms`;
      const fields = { sent: true };
      reject(new OnhandError("decision_timeout", message, { retryable: true, fields }));
    }, deadlineMs);
  });
  return Promise.race([whole, late]).finally(() => clearTimeout(timer));
}
