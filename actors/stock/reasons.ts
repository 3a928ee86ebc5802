// Pure.
// Rejection reasons as small numbers: 0 is applied, else 1 + the place in REJECTION_REASONS, whose order is the
// precedence.

import { REJECTION_REASONS, type RejectionReason } from "../../shared/decisions.ts";

export const APPLIED = 0;
const number = (reason: RejectionReason) => 1 + REJECTION_REASONS.indexOf(reason);

export const ID_CONFLICT = number("id_conflict");
export const OUT_OF_RANGE = number("out_of_range");
export const LIMIT_EXCEEDED = number("limit_exceeded");
export const UNKNOWN_COMMAND = number("unknown_command");
export const STALE_COUNT = number("stale_count");
export const VERSION_CONFLICT = number("version_conflict");
export const UNKNOWN_HOLD = number("unknown_hold");
export const HOLD_EXPIRED = number("hold_expired");
export const HOLD_FINISHED = number("hold_finished");
export const HOLD_UNSEALED = number("hold_unsealed");
export const ALREADY_SEALED = number("already_sealed");
export const CHANNEL_CLOSED = number("channel_closed");
export const BACKORDER_LIMIT = number("backorder_limit");
export const INSUFFICIENT = number("insufficient_available");

export function reasonName(reason: number): RejectionReason {
  return REJECTION_REASONS[reason - 1] as RejectionReason;
}

export function reasonNumber(reason: string | null): number {
  return reason === null ? APPLIED : 1 + REJECTION_REASONS.indexOf(reason as RejectionReason);
}
