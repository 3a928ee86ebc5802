// Pure.
// The operating errors of the server module: what went wrong, and what a person should do about it.
import { OnhandError } from "../../shared/errors.ts";

/** Stable codes; tests and callers switch on them, never on the message. */
export type ServerErrorCode =
  | "server_not_found"
  | "server_unusable"
  | "fetch_failed"
  | "port_taken"
  | "already_running"
  | "start_failed"
  | "stop_failed"
  | "reload_failed";

/** Thrown by everything under scripts/servers. `hint` says what to do, in a sentence or two. */
export class ServerError extends OnhandError {
  readonly hint: string;

  constructor(
    code: ServerErrorCode,
    message: string,
    options: { hint?: string; retryable?: boolean; cause?: unknown } = {},
  ) {
    super(code, options.hint ? `${message}. ${options.hint}` : message, options);
    this.name = "ServerError";
    this.hint = options.hint ?? "";
  }
}

/** The last telling line of a failed child process (its stderr), or of any thrown value. */
export function lastLine(error: unknown): string {
  const from = error as { stderr?: unknown; message?: unknown } | null;
  const text = String(from?.stderr || from?.message || error).trim();
  return text.split("\n").at(-1) ?? text;
}
