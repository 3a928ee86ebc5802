// Ctrl-C on long work: what is done is told, not lost.

import { progress } from "./command_line.ts";

/** Exit code of what Ctrl-C ended. */
export const INTERRUPTED = 130;
/** npm and the terminal both pass on one Ctrl-C; only a later signal is a second one. */
export const SECOND_SIGNAL_MIN_MS = 500;

/**
 * The first Ctrl-C stops cleanly, a second ends at once. To the end of the process: what npm passes on may come when
 * the work is done and its result is being told.
 */
export function stopOnSignal(): AbortSignal {
  const controller = new AbortController();
  let firstAt: number | undefined;
  const onSignal = () => {
    if (firstAt === undefined) {
      firstAt = performance.now();
      progress("stopping; once more to end at once");
      controller.abort();
    } else if (performance.now() - firstAt >= SECOND_SIGNAL_MIN_MS) process.exit(INTERRUPTED);
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return controller.signal;
}
