// Pure.
// The version of a level: (epoch, seq, index) as one fixed-width text whose order is the order of
// the log, so it grows inside bundles and over epochs (S18). Registry and readers compare it as text.

import { charCodeAt } from "./char_code_at.ts";

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
  const epoch = digitsAt(text, 0, EPOCH_WIDTH);
  const seq = digitsAt(text, EPOCH_WIDTH + 1, SEQ_WIDTH);
  const index = digitsAt(text, EPOCH_WIDTH + SEQ_WIDTH + 2, INDEX_WIDTH);
  const isVersion =
    text.length === VERSION_LENGTH &&
    text[EPOCH_WIDTH] === "." &&
    text[EPOCH_WIDTH + SEQ_WIDTH + 1] === ".";
  if (!isVersion || epoch < 0 || seq < 0 || index < 0) return undefined;
  return { epoch, seq, index };
}

/** The number of `width` digits at a place, or less than 0. A restore reads a version for each key: a pattern is slow. */
function digitsAt(text: string, at: number, width: number): number {
  let number = 0;
  for (let i = at; i < at + width; i++) {
    const digit = charCodeAt.call(text, i) - 48;
    if (!(digit >= 0 && digit <= 9)) return -1;
    number = number * 10 + digit;
  }
  return number;
}

const ZEROS = "00000000000000";
function pad(n: number, width: number): string {
  const digits = String(n);
  return digits.length >= width ? digits : ZEROS.slice(0, width - digits.length) + digits;
}
