// Owns the question whether a log is the one we folded. A log that is not is never guessed about: its
// shard halts and a person opens a new epoch from the fork. M11
import type { LogFault, LogIdentity, LogPort, Mark } from "./ports.ts";

/** What we know of the log we folded. */
export type Folded = {
  streamCreated: string | undefined;
  /** Entries that must stand where they stood: of the commit and of the checkpoint. */
  marks: readonly (Mark | undefined)[];
  /** Last sequence needed next is this + 1. */
  foldedSeq: number;
  /** Sequence up to which the registry shows levels; undefined when it could not be asked. */
  watermark: number | undefined;
};

/** The first thing about the log that does not agree with what was folded. */
export async function compareLog(
  log: Pick<LogPort, "entry" | "digest">,
  identity: LogIdentity,
  folded: Folded,
): Promise<LogFault | undefined> {
  const { created, firstSeq, lastSeq } = identity;
  if (folded.streamCreated !== undefined && folded.streamCreated !== created)
    return fault(
      "log_replaced",
      `the stream was created at ${created}, the one folded at ${folded.streamCreated}`,
    );
  for (const mark of folded.marks) {
    if (mark === undefined) continue;
    if (mark.seq > lastSeq)
      return fault("log_shorter", `it ends at ${lastSeq}, but entry ${mark.seq} was committed`);
    const entry = mark.seq < firstSeq ? undefined : await log.entry(mark.seq);
    if (entry === undefined) continue; // trimmed: the stream's identity has to do
    if (entry.appendedAtMs !== mark.appendedAtMs || log.digest(entry) !== mark.digest)
      return fault(
        "log_changed",
        `entry ${mark.seq} was appended at ${entry.appendedAtMs} ms, the one committed at ${mark.appendedAtMs} ms with another content`,
      );
  }
  if (firstSeq > folded.foldedSeq + 1)
    return fault(
      "log_cut",
      `it begins at ${firstSeq}, but entry ${folded.foldedSeq + 1} is needed next`,
    );
  if (folded.watermark !== undefined && (await isBehind(log, lastSeq, folded.watermark)))
    return fault(
      "log_behind_registry",
      `it ends at ${lastSeq}, but the registry shows levels up to ${folded.watermark}`,
    );
  return undefined;
}

/**
 * Whether a log that was seen to end at `lastSeq` really does not reach `seq`: it may have grown since, and
 * another owner may have shown what came.
 */
export async function isBehind(
  log: Pick<LogPort, "entry">,
  lastSeq: number,
  seq: number,
): Promise<boolean> {
  return seq > lastSeq && (await log.entry(seq)) === undefined;
}

function fault(reason: string, what: string): LogFault {
  return { reason, message: `Cannot fold this log: ${what}. It is not the log that was folded` };
}
