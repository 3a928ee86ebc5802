// Owns reading what else a policy rests on: items and their vendors, learnt lead times, settings, and the plans in
// force. Everything is read for the SKUs of one partition, and again when it changed.
import type { PlanMode } from "../../../shared/messages.ts";
import type { Database } from "../../../shared/postgres.ts";
import type { Plan } from "../policy/decide_policy.ts";
import { type LeadTime, learnLeadTime } from "../policy/lead_time.ts";
import type { SeriesName } from "./history.ts";
import type { ServiceMethod, SettingRow } from "./policy_settings.ts";

/** What is known of a SKU; absent: not known. */
export type ItemFacts = {
  category: string;
  unitCost: number | undefined;
  shelfLifeDays: number | undefined;
  /** Least and pack quantity of the cheapest vendor, 1 for none. */
  minimum: number;
  multiple: number;
  vendor: string;
  /** What that vendor's catalog promises. */
  promisedDays: number | undefined;
  /** Days each order took, newest last, by location; '' for all. */
  receiptDays: ReadonlyMap<string, readonly number[]>;
};

/** What the stock machine has: the plan in force and the version of its policy. */
export type PolicyInForce = {
  version: number;
  plan: Plan | undefined;
};

const NAMES_MAX = 1_000;

type ItemRow = {
  sku: string;
  category: string | null;
  unit_cost: number | null;
  pack: number | null;
  shelf_life_days: number | null;
  vendor: string | null;
  minimum: number | null;
  multiple: number | null;
  lead_time_days: number | null;
};

export async function readItems(
  database: Database,
  skus: readonly string[],
): Promise<Map<string, ItemFacts>> {
  const found = new Map<string, ItemFacts>();
  for (let at = 0; at < skus.length; at += NAMES_MAX) {
    const some = skus.slice(at, at + NAMES_MAX);
    const days = await readReceiptDays(database, some);
    const rows = await database.run(
      (sql) => sql<ItemRow[]>`
        select n.sku, i.category, i.unit_cost, i.pack, i.shelf_life_days,
          c.vendor, c.minimum, c.multiple, c.lead_time_days
        from unnest(${some}::text[]) as n (sku)
        left join item i on i.sku = n.sku
        left join lateral (
          select vendor, minimum, multiple, lead_time_days from vendor_catalog
          where vendor_catalog.sku = n.sku order by price nulls last, vendor limit 1
        ) c on true`,
    );
    for (const row of rows) found.set(row.sku, itemOf(row, days.get(row.sku)));
  }
  return found;
}

function itemOf(row: ItemRow, days: ReadonlyMap<string, DaysOfVendor> | undefined): ItemFacts {
  const receiptDays = new Map<string, readonly number[]>();
  for (const [location, ofVendor] of days ?? [])
    receiptDays.set(location, ofVendor.get(row.vendor ?? "") ?? ofVendor.get("") ?? []);
  return {
    category: row.category ?? "",
    unitCost: row.unit_cost ?? undefined,
    shelfLifeDays: row.shelf_life_days ?? undefined,
    minimum: Math.max(1, row.minimum ?? 1),
    multiple: Math.max(1, row.multiple ?? row.pack ?? 1),
    vendor: row.vendor ?? "",
    promisedDays: row.lead_time_days ?? undefined,
    receiptDays,
  };
}

type DaysOfVendor = Map<string, readonly number[]>;

/** Learnt days by SKU, location and vendor. */
async function readReceiptDays(
  database: Database,
  skus: readonly string[],
): Promise<Map<string, Map<string, DaysOfVendor>>> {
  const rows = await database.run(
    (sql) => sql<{ sku: string; vendor: string; location: string; days: number[] }[]>`
      select sku, vendor, location, days from lead_time where sku = any(${skus}::text[])`,
  );
  const found = new Map<string, Map<string, DaysOfVendor>>();
  for (const { sku, vendor, location, days } of rows) {
    const ofSku = found.get(sku) ?? new Map<string, DaysOfVendor>();
    const ofLocation = ofSku.get(location) ?? new Map<string, readonly number[]>();
    ofLocation.set(vendor, days);
    ofSku.set(location, ofLocation);
    found.set(sku, ofSku);
  }
  return found;
}

/** The lead time to a location: its own receipts, else all of the SKU's, around what the catalog promises. */
export function leadTimeOf(item: ItemFacts, location: string, defaultDays: number): LeadTime {
  const own = item.receiptDays.get(location) ?? [];
  const days = own.length > 0 ? own : (item.receiptDays.get("") ?? []);
  return learnLeadTime(days, { meanDays: item.promisedDays ?? defaultDays });
}

export async function readPolicies(
  database: Database,
  names: readonly SeriesName[],
  onPolicy: (name: SeriesName, policy: PolicyInForce) => void,
): Promise<void> {
  type Row = SeriesName & { version: number; plan: Plan | null };
  for (let at = 0; at < names.length; at += NAMES_MAX) {
    const some = names.slice(at, at + NAMES_MAX);
    const rows = await database.run(
      (sql) => sql<Row[]>`
        select n.sku, n.location, v.version, p.plan
        from unnest(${some.map(({ sku }) => sku)}::text[],
          ${some.map(({ location }) => location)}::text[]) as n (sku, location)
        join lateral (select version from policy where sku = n.sku and location = n.location
          order by version desc limit 1) v on true
        left join lateral (select plan from policy where sku = n.sku and location = n.location
          and plan is not null order by version desc limit 1) p on true`,
    );
    for (const { sku, location, version, plan } of rows)
      onPolicy({ sku, location }, { version, plan: plan === null ? undefined : planOf(plan) });
  }
}

/** A plan as another than the planner may have sent it: only what must be there is. */
function planOf(plan: Plan): Plan {
  const { mode, reorderPoint, orderUpTo, safetyStock = 0, cause = "" } = plan;
  return { mode, reorderPoint, orderUpTo, safetyStock, cause };
}

type SettingDbRow = {
  category: string;
  sku: string;
  location: string;
  mode: PlanMode | null;
  method: ServiceMethod | null;
  fill_rate: number | null;
  cover_days: number | null;
  stock_max: number | null;
  override: { reorderPoint: number; orderUpTo: number; reason: string; expiresAt: string } | null;
};

/** Settings changed at or after `sinceMs`; all of them for 0. */
export async function readSettings(database: Database, sinceMs: number): Promise<SettingRow[]> {
  const rows = await database.run(
    (sql) => sql<SettingDbRow[]>`
      select category, sku, location, mode, method, fill_rate, cover_days, stock_max, override
      from policy_setting where updated_at >= ${new Date(sinceMs).toISOString()}::timestamptz`,
  );
  return rows.map((row) => {
    const { category, sku, location, override } = row;
    const setting: SettingRow = { category, sku, location };
    if (row.mode !== null) setting.mode = row.mode;
    if (row.method !== null) setting.method = row.method;
    if (row.fill_rate !== null) setting.fillRate = row.fill_rate;
    if (row.cover_days !== null) setting.coverDays = row.cover_days;
    if (row.stock_max !== null) setting.stockMax = row.stock_max;
    if (override !== null) {
      const { expiresAt, ...rest } = override;
      setting.override = { ...rest, expiresAtMs: Date.parse(expiresAt) };
    }
    return setting;
  });
}

/** SKUs whose item, vendor or lead time changed at or after `sinceMs`. */
export async function readChangedSkus(database: Database, sinceMs: number): Promise<string[]> {
  const since = new Date(sinceMs).toISOString();
  const rows = await database.run(
    (sql) => sql<{ sku: string }[]>`
      select sku from item where updated_at >= ${since}::timestamptz
      union select sku from vendor_catalog where updated_at >= ${since}::timestamptz
      union select sku from lead_time where updated_at >= ${since}::timestamptz`,
  );
  return rows.map((row) => row.sku);
}
