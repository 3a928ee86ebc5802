// Pure.
// The version of a level: (epoch, seq, index) as one fixed-width text whose order is the order of
// the log, so it grows inside bundles and over epochs (S18). Registry and readers compare it as text.

const EPOCH_WIDTH = 4;
const SEQ_WIDTH = 14;
const INDEX_WIDTH = 3;
/** Length of every version text. */
export const VERSION_LENGTH = EPOCH_WIDTH + SEQ_WIDTH + INDEX_WIDTH + 2;

/** @param epoch 0 to 9999  @param seq 0 to 10^14 - 1  @param index 0 to 999 */
export function formatVersion(epoch: number, seq: number, index: number): string {
  return `${pad(epoch, EPOCH_WIDTH)}.${pad(seq, SEQ_WIDTH)}.${pad(index, INDEX_WIDTH)}`;
}

/** The three parts, or undefined when `text` is no version. */
export function parseVersion(
  text: string,
): { epoch: number; seq: number; index: number } | undefined {
  const m = /^(\d{4})\.(\d{14})\.(\d{3})$/.exec(text);
  if (m === null) return undefined;
  return { epoch: Number(m[1]), seq: Number(m[2]), index: Number(m[3]) };
}

const ZEROS = "00000000000000";
function pad(n: number, width: number): string {
  const digits = String(n);
  return digits.length >= width ? digits : ZEROS.slice(0, width - digits.length) + digits;
}
