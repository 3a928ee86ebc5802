// Pure.
// Which fields each type of command has beyond the common ones, in the order of TYPES, as bits of 32.

import { assert } from "../../shared/assert.ts";

/** Fields by type beyond the common ones: required first, then allowed. */
const FIELDS: readonly { required: readonly string[]; allowed: readonly string[] }[] = [
  { required: ["qty"], allowed: ["hold"] },
  { required: ["qty"], allowed: ["bucket"] },
  { required: ["qty"], allowed: ["order", "line", "bucket"] },
  { required: ["delta", "reason"], allowed: ["bucket"] },
  { required: ["qty", "from", "to"], allowed: [] },
  { required: ["counted"], allowed: ["bucket"] },
  { required: ["qty", "transfer", "to"], allowed: ["eta", "final"] },
  { required: ["qty", "transfer", "from"], allowed: ["final"] },
  { required: ["of", "reason"], allowed: ["qty"] },
  { required: ["hold", "qty", "ttlMs"], allowed: ["backorder", "shopper", "locations"] },
  { required: ["hold", "lines", "ttlMs"], allowed: ["home", "elsewhere", "backorder", "shopper"] },
  { required: ["hold", "ttlMs"], allowed: ["placing"] },
  { required: ["hold"], allowed: ["qty", "final", "placing"] },
  { required: ["hold"], allowed: ["reason", "placing"] },
  { required: [], allowed: ["plan", "channels", "backorderLimit", "ifVersion"] },
  {
    required: ["order", "line", "rev", "ordered", "status"],
    allowed: ["need", "eta", "quietUntil"],
  },
  { required: ["hold", "outcome"], allowed: ["placing"] },
  { required: [], allowed: [] },
];

/** Bits of the fields that not all types have. */
export const BITS = new Map<string, number>();
for (const { required, allowed } of FIELDS) {
  for (const name of [...required, ...allowed]) {
    if (!BITS.has(name)) BITS.set(name, 2 ** BITS.size);
  }
}
assert(BITS.size <= 32, "Cannot tell fields apart: one has no bit of its own");
const bitsOf = (names: readonly string[]) =>
  names.reduce((sum, name) => sum | (BITS.get(name) as number), 0);
/** By type: what must be there, and what may. */
export const REQUIRED = FIELDS.map((fields) => bitsOf(fields.required));
export const ALLOWED = FIELDS.map((fields) => bitsOf([...fields.required, ...fields.allowed]));
