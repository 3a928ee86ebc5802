// Ctrl-C on long work: what is done is told, not lost.

import { progress } from "./command_line.ts";

/** Exit code of what Ctrl-C ended. */
export const INTERRUPTED = 130;

/** The first Ctrl-C stops cleanly, a second ends at once. */
export function stopOnSignal(): { signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(INTERRUPTED);
    progress("stopping; once more to end at once");
    controller.abort();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return {
    signal: controller.signal,
    release: () => {
      process.off("SIGINT", onSignal);
      process.off("SIGTERM", onSignal);
    },
  };
}
