// Pure.
// Branded names and the functions that make them. A name becomes a `Sku`, `LocationId` or
// `CommandId` only here, so whatever carries the brand has been checked.

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** Smallest unit stocked and reordered: printable text, 1 to 200 bytes of UTF-8. */
export type Sku = Branded<"Sku">;
/** Store or warehouse that holds stock; `-` means "choose one". */
export type LocationId = Branded<"LocationId">;
/** Client-minted identity of a command within (location, sku): 1 to 128 characters. */
export type CommandId = Branded<"CommandId">;
/** Client- or edge-minted name of a hold: 1 to 128 characters. */
export type HoldId = Branded<"HoldId">;

/** The location that asks the actor to choose. */
export const ANY_LOCATION = "-" as LocationId;

export const NAME_BYTES_MAX = 200;
export const ID_LENGTH_MAX = 128;

// Control characters, line and paragraph separators: not printable.
const UNPRINTABLE = /[\p{Cc}\u2028\u2029]/u;

/** Why `text` is no SKU or location, or undefined if it is one. Source: design, section 3. */
export function nameFault(text: unknown): string | undefined {
  if (typeof text !== "string")
    return `expected text, found ${text === null ? "null" : typeof text}`;
  if (text.length === 0) return "expected 1 to 200 bytes, found an empty text";
  if (!text.isWellFormed()) return "expected well-formed text, found a lone surrogate";
  if (UNPRINTABLE.test(text)) return "expected printable text, found a control character";
  const bytes = utf8Length(text);
  if (bytes > NAME_BYTES_MAX) return `expected 1 to ${NAME_BYTES_MAX} bytes, found ${bytes}`;
  return undefined;
}

/** Why `text` is no command, hold, transfer or order id, or undefined if it is one. */
export function idFault(text: unknown): string | undefined {
  if (typeof text !== "string")
    return `expected text, found ${text === null ? "null" : typeof text}`;
  if (text.length === 0) return `expected 1 to ${ID_LENGTH_MAX} characters, found none`;
  if (text.length > ID_LENGTH_MAX)
    return `expected 1 to ${ID_LENGTH_MAX} characters, found ${text.length}`;
  if (!text.isWellFormed()) return "expected well-formed text, found a lone surrogate";
  if (text.includes("\u0000")) return "expected text without NUL";
  return undefined;
}

/** What the log calls a command that came without an id: its place. */
const MINTED = /^@\d+\.\d+\.\d+\.\d+$/;

/** Why `text` may not be the id a client gives a command, or undefined if it may. */
export function commandIdFault(text: unknown): string | undefined {
  const fault = idFault(text);
  if (fault !== undefined || !MINTED.test(text as string)) return fault;
  return "expected another id: the log gives such ones to commands without";
}

/** @throws RangeError when `text` is no SKU. */
export function parseSku(text: string): Sku {
  return orThrow("sku", text, nameFault(text)) as Sku;
}

function orThrow(field: string, text: string, fault: string | undefined): string {
  if (fault !== undefined) throw new RangeError(`${field}: ${fault}`);
  return text;
}

/** Bytes of `text` in UTF-8; `text` must be well-formed. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) bytes += 1;
    else if (unit < 0x800) bytes += 2;
    else if (unit >= 0xd800 && unit <= 0xdbff) {
      bytes += 4;
      i++;
    } else bytes += 3;
  }
  return bytes;
}
