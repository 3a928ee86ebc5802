// Owns setting a poison entry aside: recorded durably before it is skipped; every later fold skips it as well.
import { describeError } from "../../shared/errors.ts";
import type { RunnerPorts } from "./ports.ts";
import { retrying } from "./retry.ts";

/** False when nobody wants it any more. @throws what the store throws when trying again would not help */
export async function recordPoison(
  { clock, store, journal }: Pick<RunnerPorts, "clock" | "store" | "journal">,
  { seq, message, isWanted }: { seq: number; message: string; isWanted: () => boolean },
): Promise<boolean> {
  const record = () => store.addPoison(seq, message).then(() => true);
  const done = await retrying(clock, record, {
    isWanted,
    onWait: (error) =>
      journal.warn({ error: describeError(error) }, "waiting for Postgres to set an entry aside"),
  });
  if (done) journal.error({ seq }, "the entry is set aside as poison");
  return done === true;
}
