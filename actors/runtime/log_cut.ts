// Owns telling why the log begins behind what is to be read next. It is trimmed behind checkpoints: if another owner went
// ahead while this one slept, that is why, and it stands down; else somebody cut it.
import { describeError } from "../../shared/errors.ts";
import type { RunnerPorts } from "./ports.ts";
import { retrying } from "./retry.ts";

/** `by`: who went ahead. `cut`: nobody did, or it cannot be told. */
export type LogCut = { by: string } | { cut: string };

/**
 * @param message what the reader found
 * @param own the last entry this owner committed
 * @returns undefined when nobody wants to know any more
 */
export async function whoCut(
  { clock, store, journal }: Pick<RunnerPorts, "clock" | "store" | "journal">,
  message: string,
  own: { committedSeq: number; isWanted: () => boolean },
): Promise<LogCut | undefined> {
  try {
    const found = await retrying(clock, () => store.load([], () => undefined), {
      isWanted: own.isWanted,
      onWait: (error) =>
        journal.warn(
          { error: describeError(error) },
          "waiting for Postgres to tell who cut the log",
        ),
    });
    if (found === undefined) return undefined;
    const { committedSeq, token } = found.row;
    if (committedSeq > own.committedSeq) return { by: `seq ${committedSeq}, token ${token}` };
    return { cut: message };
  } catch (error) {
    return { cut: `${message}; ${describeError(error)}` };
  }
}
