// Pure.
// The fields that messages are made of: one schema for each kind of name, quantity and time.

import { z } from "zod";
import { ANY_LOCATION, commandIdFault, ID_LENGTH_MAX, idFault, nameFault } from "./ids.ts";
import { isQuantity } from "./quantities.ts";
import { parseTime } from "./time.ts";

const named = (fault: (value: unknown) => string | undefined) =>
  z.string().superRefine((value, context) => {
    const why = fault(value);
    if (why !== undefined) context.addIssue({ code: "custom", message: why });
  });

export const SkuSchema = named(nameFault).describe("SKU: printable text, 1 to 200 bytes of UTF-8");
export const LocationSchema = named(nameFault).describe("location: printable text, 1 to 200 bytes");
/** A location that is one: `-` only asks the actor to choose. */
export const PlaceSchema = LocationSchema.refine(
  (name) => name !== ANY_LOCATION,
  "expected a location, found - (choose one)",
);
export const IdSchema = named(idFault).describe(`id: 1 to ${ID_LENGTH_MAX} characters, no NUL`);

/** An id that a client gives a command: none of those the log gives itself. */
export const CommandIdSchema = named(commandIdFault).describe(
  `id: 1 to ${ID_LENGTH_MAX} characters, no NUL`,
);

const whole = z.number().refine(isQuantity, "expected a whole number, at most 2^50, not -0");
/** Any whole number, |n| <= 2^50. */
export const QuantitySchema = whole;
/** A whole number from 1 to 2^50. */
export const PositiveSchema = whole.refine((n) => n > 0, "expected a whole number of at least 1");
/** A whole number from 0 to 2^50. */
export const CountSchema = whole.refine((n) => n >= 0, "expected a whole number of at least 0");
/** RFC 3339 with an offset. */
export const TimeSchema = z
  .string()
  .refine((text) => parseTime(text) !== undefined, "expected RFC 3339 with an offset");
const TEXT_LENGTH_MAX = 200;
/** Free text of at most 200 characters, well-formed and without NUL. */
export const TextSchema = z
  .string()
  // As the log counts them, in UTF-16 units; zod's own `max` counts characters beyond U+FFFF once.
  .refine((text) => text.length <= TEXT_LENGTH_MAX, "expected at most 200 characters")
  .meta({ maxLength: TEXT_LENGTH_MAX })
  .refine((text) => text.isWellFormed() && !text.includes("\u0000"), "expected well-formed text");

/** `sellable`, or the name of a bucket of unavailable stock (`damaged`, `qualityControl`, …). */
export const BucketSchema = z.string().regex(/^[a-z][A-Za-z0-9]{0,39}$/, "expected a bucket name");
export const SELLABLE = "sellable";

/**
 * An object of at most `most` values by name. zod's record leaves out a name `__proto__` without a word, whatever stands
 * there; here it is refused, as a name that is none.
 */
export function recordOf<V extends z.ZodType>(
  name: z.ZodType<string, string>,
  value: V,
  most: number,
) {
  const record = z
    .record(name, value)
    .refine((values) => Object.keys(values).length <= most, `expected at most ${most} names`);
  return z.preprocess((given, context) => {
    if (typeof given === "object" && given !== null && Object.hasOwn(given, "__proto__"))
      context.addIssue({ code: "custom", path: ["__proto__"], message: "is no name" });
    return given;
  }, record);
}
