// Pure.
// What the house tells others about stock, kept in streams: needs, hold events, alerts, dead letters, demand
// windows. Made by the actors, published by the relay, at least once; receivers drop repeats by `id`.
// Source: design, sections 3 and 4.

import type { Position } from "./decisions.ts";
import type { PlanMode } from "./messages.ts";

type EffectBase = Position & { id: string; sku: string; location: string; at: string };

/** `inv.need.<location>.<sku>`: position at or below the reorder point. `qty` 0 withdraws it. */
export type NeedMessage = EffectBase & {
  need: string;
  rev: number;
  qty: number;
  max?: number;
  mode: PlanMode;
  cause: "reorderPoint" | "late";
  inventoryPosition: number;
  reorderPoint: number;
  orderUpTo: number;
};

/** `inv.hold.<location>.<sku>`: what became of a hold without its owner asking. */
export type HoldMessage = EffectBase & {
  event: "filled" | "expired" | "fulfilled" | "released";
  hold: string;
  qty: number;
  /** Units of this hold still waiting as backorder. */
  backordered: number;
};

/** `inv.alert.<kind>.<location>.<sku>`: what a person should know. */
export type AlertMessage = EffectBase & {
  kind: string;
  text: string;
  details?: Record<string, unknown>;
};

/** `inv.dead.<source>`: what was set aside, why, and where it stands (at most 64 KB). */
export type DeadLetter = EffectBase & {
  source: string;
  reason: string;
  detail: string;
  subject: string;
  /** The payload as text when it is UTF-8, cut to fit. */
  payload?: string;
  /** The payload in base64 when it is not UTF-8, cut to fit. */
  payloadBase64?: string;
  payloadBytes: number;
};

/**
 * `inv.demand.<location>.<sku>`: a demand window, whole value; the highest `version` wins. SPEC section 13 says
 * what each field counts. Times RFC 3339, quantities whole base units.
 */
export type DemandMessage = {
  id: string;
  sku: string;
  location: string;
  windowStart: string;
  windowEnd: string;
  /** Date of the start in the location's time zone. */
  localDay: string;
  demand: number;
  lost: number;
  orders: number;
  largestOrder: number;
  returns: number;
  transfers: number;
  counts: number;
  minutesOpen: number;
  /** Of the open minutes; null: the key's stock was never counted or received. */
  minutesOutOfStock: number | null;
  /** In force that day, by name; those of 0 are off. */
  signals: Record<string, number>;
  /** Past the location's watermark. Late facts restate it all the same. */
  closed: boolean;
  /** The window is no more (its location's time zone changed): forget it. */
  removed?: true;
  version: string;
};
