// Pure.
// The fields of commands that have parts: lines of a hold, plans, channel rules. Each function returns why a
// value is malformed, naming the field, or undefined. Equal to the schemas of shared/messages.ts.

import { ANY_LOCATION, idFault } from "../../shared/ids.ts";
import { isQuantity } from "../../shared/quantities.ts";
import { CHANNELS_PER_KEY_MAX } from "./limits.ts";
import { quickNameFault } from "./names.ts";
import { quickTime } from "./quick_time.ts";

type Fields = Record<string, unknown>;

export function linesFault(value: unknown): string | undefined {
  if (!Array.isArray(value)) return "lines: expected a list";
  if (value.length < 1 || value.length > 100) {
    return `lines: expected 1 to 100 items, found ${value.length}`;
  }
  const seen = new Set<string>();
  for (let i = 0; i < value.length; i++) {
    const line = value[i] as Fields;
    const name = `lines[${i}]`;
    const fault = fieldsFault(name, line, ["sku", "location", "qty"]) ?? placeFault(name, line);
    if (fault !== undefined) return fault;
    if (!isQuantity(line.qty) || line.qty < 1) {
      return `${name}.qty: expected a whole number of at least 1, at most 2^50`;
    }
    const key = JSON.stringify([line.sku, line.location ?? ANY_LOCATION]);
    if (seen.has(key)) return `${name}: repeats an earlier line`;
    seen.add(key);
  }
  return undefined;
}

export function elsewhereFault(value: unknown): string | undefined {
  if (!Array.isArray(value)) return "elsewhere: expected a list";
  if (value.length > 100) return `elsewhere: expected at most 100 items, found ${value.length}`;
  for (let i = 0; i < value.length; i++) {
    const name = `elsewhere[${i}]`;
    const line = value[i] as Fields;
    const fault = fieldsFault(name, line, ["sku", "location"]) ?? placeFault(name, line);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

export function placingFault(value: unknown): string | undefined {
  const placing = value as Fields;
  const fault = fieldsFault("placing", placing, ["by", "at"]);
  if (fault !== undefined) return fault;
  if ("by" in placing) {
    const idReason = typeof placing.by === "string" ? idFault(placing.by) : "expected text";
    if (idReason !== undefined) return `placing.by: ${idReason}`;
  }
  if (!("at" in placing)) return undefined;
  if (typeof placing.at === "string" && quickTime(placing.at) !== undefined) return undefined;
  return "placing.at: expected a time with an offset, such as 2026-01-31T09:30:00Z";
}

const PLAN_COUNTS = ["safetyStock", "max", "coverDays", "lateGraceDays"];

export function planFault(value: unknown): string | undefined {
  const plan = value as Fields;
  const known = ["mode", "reorderPoint", "orderUpTo", ...PLAN_COUNTS, "cause"];
  const fault = fieldsFault("plan", plan, known);
  if (fault !== undefined) return fault;
  if (!["observe", "recommend", "autopilot"].includes(plan.mode as string)) {
    return "plan.mode: expected observe, recommend or autopilot";
  }
  for (const name of ["reorderPoint", "orderUpTo"]) {
    if (!isCount(plan[name])) return `plan.${name}: expected a whole number of at least 0`;
  }
  for (const name of PLAN_COUNTS) {
    if (name in plan && !isCount(plan[name])) {
      return `plan.${name}: expected a whole number of at least 0`;
    }
  }
  if ("cause" in plan && !isText(plan.cause)) return "plan.cause: expected at most 200 characters";
  return undefined;
}

export function channelsFault(value: unknown): string | undefined {
  if (!isFields(value)) return "channels: expected rules by channel";
  const channels = Object.keys(value);
  if (channels.length > CHANNELS_PER_KEY_MAX) return "channels: expected at most 64";
  for (const channel of channels) {
    if (!isText(channel)) return "channels: expected names of at most 200 characters";
    const rule = value[channel] as Fields;
    const name = `channels.${channel}`;
    const fault = fieldsFault(name, rule, ["buffer", "max", "closed", "priority"]);
    if (fault !== undefined) return fault;
    for (const field of ["buffer", "max", "priority"]) {
      if (field in rule && !isCount(rule[field])) {
        return `${name}.${field}: expected a whole number of at least 0`;
      }
    }
    if ("closed" in rule && typeof rule.closed !== "boolean") {
      return `${name}.closed: expected true or false`;
    }
  }
  return undefined;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function fieldsFault(name: string, value: unknown, known: readonly string[]): string | undefined {
  if (!isFields(value)) return `${name}: expected an object`;
  for (const field in value) {
    if (!known.includes(field)) return `${name}.${field.slice(0, 60)}: unknown field`;
  }
  return undefined;
}

function placeFault(name: string, line: Fields): string | undefined {
  const sku = quickNameFault(line.sku);
  if (sku !== undefined) return `${name}.sku: ${sku}`;
  if (!("location" in line)) return undefined;
  const location = quickNameFault(line.location);
  return location === undefined ? undefined : `${name}.location: ${location}`;
}

function isCount(value: unknown): boolean {
  return isQuantity(value) && value >= 0;
}

function isText(value: unknown): boolean {
  return (
    typeof value === "string" &&
    value.length <= 200 &&
    value.isWellFormed() &&
    !value.includes("\u0000")
  );
}
