// Pure.
// JSON written by hand where it is written often: equal to JSON.stringify, character by character.

import { charCodeAt } from "../../shared/char_code_at.ts";

const QUOTE = 34;
const BACKSLASH = 92;

/** Whether a text in quotes is its JSON: printable ASCII without quotes and backslashes. */
export function isPlain(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = charCodeAt.call(text, i);
    if (c < 32 || c > 126 || c === QUOTE || c === BACKSLASH) return false;
  }
  return true;
}

/** A text as JSON. */
export function quoted(text: string): string {
  return isPlain(text) ? `"${text}"` : JSON.stringify(text);
}
