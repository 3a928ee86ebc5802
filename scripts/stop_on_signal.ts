// Owns what a signal to stop means: the first one stops cleanly, and what is done is told, not lost; a second one ends at once.

import { progress } from "./command_line.ts";

/** Exit code of what Ctrl-C ended. */
export const INTERRUPTED = 130;
/** npm and the terminal both pass on one Ctrl-C; only a later signal is a second one. */
const SECOND_SIGNAL_MIN_MS = 500;
/** The last when its terminal was closed. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

type OnSignal = (signal: NodeJS.Signals) => void;

/**
 * Calls `first` at the first signal to stop and `second` at those at least half a second later; from now to the end of the
 * process, for what npm passes on may come when the work is done and its result is being told.
 * @returns what takes a signal that came another way
 */
export function onStopSignals(
  first: OnSignal,
  second: OnSignal = () => process.exit(INTERRUPTED),
): OnSignal {
  let firstAt: number | undefined;
  const handle: OnSignal = (signal) => {
    if (firstAt === undefined) {
      firstAt = performance.now();
      first(signal);
    } else if (performance.now() - firstAt >= SECOND_SIGNAL_MIN_MS) second(signal);
  };
  for (const signal of SIGNALS) process.on(signal, handle);
  return handle;
}

/** Aborted by the first signal. */
export function stopOnSignal(): AbortSignal {
  const controller = new AbortController();
  onStopSignals(() => {
    progress("stopping; once more to end at once");
    controller.abort();
  });
  return controller.signal;
}
