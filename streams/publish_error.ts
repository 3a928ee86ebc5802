// Owns the errors of publishing. The one thing a caller must know is whether the command may stand in
// the log: only if it surely does not may it be answered "try again" without an id to ask about.

import { OnhandError } from "../shared/errors.ts";

export type PublishErrorCode =
  /** The stream answered with an error (sealed, out of resources). */
  | "publish_refused"
  /** The shard's log has as many bytes as it may have. */
  | "log_full"
  /** No stream keeps the subject, or it has no leader. */
  | "publish_no_stream"
  /** This user may not publish to the subject. */
  | "publish_denied"
  /** Sent, and no answer came: it may or may not be stored. */
  | "publish_unknown"
  /** The deadline passed before anything was sent. */
  | "publish_not_sent"
  /** The command is larger than a message may be. */
  | "command_too_large"
  /** Its SKU or location can be no part of a subject: empty, or no well-formed text. */
  | "command_nameless"
  /** Lines of a hold that live in several shards. */
  | "command_of_several_shards"
  /** Too many calls wait for their answer. */
  | "publisher_full"
  | "publisher_closed"
  /** Stored, but no decision came in time. */
  | "decision_timeout";

/** `sent` false: surely not stored. `sent` true: it may be (or is) in the log under its id. */
export class PublishError extends OnhandError {
  readonly sent: boolean;

  constructor(
    code: PublishErrorCode,
    message: string,
    options: { sent: boolean; retryable?: boolean; fields?: Record<string, unknown> },
  ) {
    super(code, message, {
      retryable: options.retryable ?? true,
      fields: { ...options.fields, sent: options.sent },
    });
    this.name = "PublishError";
    this.sent = options.sent;
  }
}
