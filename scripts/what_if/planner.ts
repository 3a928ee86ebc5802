// Pure.
// The reorder points of a sandbox run, day by day: fixed, a multiple of the log's, or computed from the demand so far
// by the methods the planner uses.

import { AdaptiveDemand } from "../../actors/forecast/policy/adaptive_demand.ts";
import { briefPolicy } from "../../actors/forecast/policy/brief_policy.ts";
import { decidePolicy, type Plan } from "../../actors/forecast/policy/decide_policy.ts";
import { orderUpTo } from "../../actors/forecast/policy/order_quantity.ts";
import { type Computed, type KeyName, type Rule, ruleFor } from "./policy_file.ts";

/** Days of sales the brief's formula looks at. */
const BRIEF_DAYS = 28;
const FILL_DEFAULT = 0.95;
const COVER_DAYS_DEFAULT = 14;

/** A plan of the log, as a policy command carries it. */
export type LoggedPlan = { mode: string; reorderPoint: number; orderUpTo: number };

/** The plans of one key under the rules of a run. */
export class KeyPlanner {
  readonly #rule: Rule | undefined;
  readonly #spanDays: number;
  readonly #leadTimeDays: number;
  readonly #state: AdaptiveDemand;
  readonly #newest: number[] = [];
  #inForce: Plan | undefined;
  #units = 0;
  #orders = 0;

  constructor(rules: readonly Rule[], key: KeyName, leadTimeDays: number) {
    this.#rule = ruleFor(rules, key);
    this.#leadTimeDays = leadTimeDays;
    this.#spanDays = Math.max(1, Math.round(leadTimeDays) + 1);
    this.#state = new AdaptiveDemand(this.#spanDays);
  }

  /** The plan a key starts with, before anything is known of it. */
  start(): Plan | undefined {
    if (this.#rule === undefined || !("reorderPoint" in this.#rule)) return undefined;
    const { reorderPoint, orderUpTo: level } = this.#rule;
    return this.#told({ reorderPoint, orderUpTo: level, cause: "fixed" });
  }

  /** What becomes of a plan of the log: kept, scaled, or replaced by the rule. */
  logged(plan: LoggedPlan): Plan | undefined {
    const rule = this.#rule;
    if (rule !== undefined && !("scale" in rule)) return undefined;
    const scale = rule === undefined ? 1 : rule.scale;
    const reorderPoint = Math.ceil(plan.reorderPoint * scale);
    const level = reorderPoint + Math.max(0, plan.orderUpTo - plan.reorderPoint);
    return this.#told({ reorderPoint, orderUpTo: level, cause: `the log's, times ${scale}` });
  }

  sold(units: number): void {
    this.#units += units;
    if (units > 0) this.#orders++;
  }

  /** A day is over: the plan for the next, or undefined to keep the one in force. */
  dayOver(): Plan | undefined {
    const units = Math.max(0, this.#units);
    this.#state.add({ units, orders: this.#orders });
    this.#newest.push(units);
    if (this.#newest.length > BRIEF_DAYS) this.#newest.shift();
    this.#units = 0;
    this.#orders = 0;
    const rule = this.#rule;
    if (rule === undefined || !("method" in rule)) return undefined;
    return rule.method === "brief" ? this.#brief(rule) : this.#adaptive(rule);
  }

  #adaptive(rule: Computed): Plan | undefined {
    const demand = this.#state.leadTimeDemand();
    if (demand.mean <= 0) return undefined;
    const decision = decidePolicy({
      mode: "autopilot",
      demand,
      spanDays: this.#spanDays,
      leadTime: { meanDays: this.#leadTimeDays, sdDays: 0, receiptCount: 0 },
      service: { kind: "fill", fillRate: rule.fillRate ?? FILL_DEFAULT },
      rules: rulesOf(rule),
      ...(this.#inForce === undefined ? {} : { inForce: this.#inForce }),
      nowMs: 0,
    });
    return decision.kind === "change" ? this.#told(decision.plan) : undefined;
  }

  #brief(rule: Computed): Plan | undefined {
    const { averageDailySales, reorderPoint } = briefPolicy(this.#newest, this.#leadTimeDays);
    if (averageDailySales <= 0) return undefined;
    const level = orderUpTo(reorderPoint, averageDailySales, rulesOf(rule));
    return this.#told({ reorderPoint, orderUpTo: level, cause: "brief" });
  }

  #told(plan: { reorderPoint: number; orderUpTo: number; cause: string }): Plan | undefined {
    const { reorderPoint, orderUpTo: level, cause } = plan;
    const isSame =
      this.#inForce?.reorderPoint === reorderPoint && this.#inForce.orderUpTo === level;
    if (isSame) return undefined;
    this.#inForce = { mode: "autopilot", reorderPoint, orderUpTo: level, safetyStock: 0, cause };
    return this.#inForce;
  }
}

const rulesOf = (rule: Computed) => ({
  minimum: 1,
  multiple: 1,
  coverDays: rule.coverDays ?? COVER_DAYS_DEFAULT,
});
