// Owns trying again while something is away, with growing waits, for whoever has nothing better to do meanwhile.
import { OnhandError } from "../../shared/errors.ts";
import { RETRY_MS_MAX, RETRY_MS_MIN } from "../../shared/limits.ts";
import type { Clock } from "./ports.ts";

export type RetryOptions = {
  /** False: nobody wants the answer any more. */
  isWanted: () => boolean;
  /** The first attempt failed: told once. */
  onWait: (error: unknown) => void;
};

/**
 * The result of `work`, or undefined when it is not wanted any more.
 * @throws what `work` threw when trying again would not help
 */
export async function retrying<T>(
  clock: Clock,
  work: () => Promise<T>,
  { isWanted, onWait }: RetryOptions,
): Promise<T | undefined> {
  for (let attempt = 0; ; attempt++) {
    try {
      const result = await work();
      return isWanted() ? result : undefined;
    } catch (error) {
      if (!(error instanceof OnhandError) || !error.retryable) throw error;
      if (attempt === 0) onWait(error);
    }
    await pause(clock, Math.min(RETRY_MS_MIN * 2 ** attempt, RETRY_MS_MAX));
    if (!isWanted()) return undefined;
  }
}

/** Resolves after `ms` on `clock`. */
export function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve);
  });
}
