// Pure.
// The policy file of `onhand replay --what-if`: which reorder points would have held, and where the goods come from.
import { z } from "zod";
import { CountSchema } from "../../shared/fields.ts";
import { CoverDaysSchema, FillRateSchema } from "../../shared/planning.ts";

const scope = {
  /** A SKU, or the beginning of one with `*` after it. */
  sku: z.string().min(1).optional(),
  category: z.string().min(1).optional(),
  location: z.string().min(1).optional(),
};

const FixedRule = z
  .strictObject({ ...scope, reorderPoint: CountSchema, orderUpTo: CountSchema })
  .refine(({ reorderPoint, orderUpTo }) => orderUpTo >= reorderPoint, {
    path: ["orderUpTo"],
    message: "expected at least reorderPoint",
  });
const ScaledRule = z.strictObject({ ...scope, scale: z.number().min(0).max(100) });
const ComputedRule = z.strictObject({
  ...scope,
  method: z.enum(["adaptive", "brief"]),
  /** Share of demand served that is aimed at; `brief` has 1.65 standard deviations. */
  fillRate: FillRateSchema.optional(),
  coverDays: CoverDaysSchema.optional(),
});

export const RuleSchema = z.union([FixedRule, ScaledRule, ComputedRule], {
  error: "expected reorderPoint and orderUpTo, or scale, or method (adaptive or brief)",
});
export type Rule = z.infer<typeof RuleSchema>;
const RULES_MAX = 10_000;
const rules = z
  .array(RuleSchema, { error: "expected a list of rules" })
  .refine(({ length }) => length > 0 && length <= RULES_MAX, `expected 1 to ${RULES_MAX} rules`);
export type Computed = z.infer<typeof ComputedRule>;

export const PolicyFileSchema = z.strictObject({
  /** The first rule that fits a SKU at a location holds; without one its own policies of the log do. */
  rules,
  /** What it is compared with; default: the policies of the log. */
  against: rules.optional(),
  /**
   * needs: each need becomes an order that arrives after the lead time, and what really came is left out, with the
   * counts that found it; every key starts full. log: goods came as they came, only the needs differ.
   */
  supply: z.enum(["needs", "log"]).default("needs"),
  leadTimeDays: z.number().min(0).max(730).default(7),
  /** Days at the start that are not counted: rules that learn need some. */
  warmUpDays: z.number().int().min(0).max(3_650).default(28),
});
export type PolicyFile = z.output<typeof PolicyFileSchema>;

export type KeyName = { sku: string; location: string; category: string };

/** The rule that holds for a key, or undefined. */
export function ruleFor(rules: readonly Rule[], key: KeyName): Rule | undefined {
  return rules.find(
    (rule) =>
      (rule.sku === undefined || fits(rule.sku, key.sku)) &&
      (rule.category === undefined || rule.category === key.category) &&
      (rule.location === undefined || rule.location === key.location),
  );
}

const fits = (pattern: string, sku: string): boolean =>
  pattern.endsWith("*") ? sku.startsWith(pattern.slice(0, -1)) : sku === pattern;

/** The faults of a policy file, each with the field it is of. */
export function faultsOfFile(error: z.ZodError): string[] {
  return error.issues.map((issue) => `${issue.path.join(".") || "the file"}: ${issue.message}`);
}
