// Pure.
// What the oracle says of a command: why it is refused, or nothing.

import type { RejectionReason } from "../../shared/decisions.ts";

/** Undefined: applied. */
export type Verdict = RejectionReason | undefined;
