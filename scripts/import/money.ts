// Pure.
// Prices in files are decimals; ours are whole minor units (4.25 -> 425), without a double between.

import { QUANTITY_MAX } from "../../shared/quantities.ts";

/** Currencies whose minor unit is not a hundredth. Source: ISO 4217, list one. */
const MINOR_DIGITS: Readonly<Record<string, number>> = {
  BIF: 0,
  CLP: 0,
  DJF: 0,
  GNF: 0,
  ISK: 0,
  JPY: 0,
  KMF: 0,
  KRW: 0,
  PYG: 0,
  RWF: 0,
  UGX: 0,
  UYI: 0,
  VND: 0,
  VUV: 0,
  XAF: 0,
  XOF: 0,
  XPF: 0,
  BHD: 3,
  IQD: 3,
  JOD: 3,
  KWD: 3,
  LYD: 3,
  OMR: 3,
  TND: 3,
};

/** Digits after the point of a currency; 2 when it is unknown or not given. */
export function minorDigits(currency: string | undefined): number {
  return (currency === undefined ? undefined : MINOR_DIGITS[currency]) ?? 2;
}

const DECIMAL = /^(-?)(\d{1,16})(?:\.(\d*))?$/;

/**
 * Decimal text to whole minor units.
 * @param digits digits after the point that the currency has, 0 to 3
 * @returns undefined when it is no decimal, is finer than the minor unit, or beyond 2^50.
 */
export function parseMoney(text: string, digits: number): number | undefined {
  const m = DECIMAL.exec(text);
  if (m === null) return undefined;
  const fraction = (m[3] ?? "").replace(/0+$/, "");
  if (fraction.length > digits) return undefined;
  const minor = BigInt(`${m[2]}${fraction.padEnd(digits, "0")}`);
  if (minor > BigInt(QUANTITY_MAX)) return undefined;
  const value = Number(minor);
  return m[1] === "-" && value !== 0 ? -value : value;
}
