// Owns reading policies for people: what the stock machine has in force, what was set, and every change with its
// cause.

import type { SkuSetting, ToldPlan } from "../shared/planning.ts";
import type { Sql } from "../shared/postgres.ts";

export type PolicyChange = {
  version: number;
  plan?: ToldPlan;
  channels?: Record<string, unknown>;
  backorderLimit?: number;
  cause: string;
  madeBy: string;
  madeAt: string;
};

/** A setting as stored; a scope that is absent is any. */
export type StoredSetting = {
  category?: string;
  sku?: string;
  location?: string;
} & { [K in keyof SkuSetting]: NonNullable<SkuSetting[K]> } & { updatedAt: string };

export type PolicyView = {
  location: string;
  version: number;
  plan: ToldPlan | null;
  /** Settings that hold here, the least specific first. */
  settings: StoredSetting[];
  /** Newest first. */
  history: PolicyChange[];
};

type Query = { sku: string; location: string | undefined; history: number };

const LOCATIONS_MAX = 200;
const GROUPS_MAX = 10_000;

export async function readPolicyViews(sql: Sql, query: Query): Promise<PolicyView[]> {
  const { sku, location, history } = query;
  const changes = await readChanges(sql, query);
  const settings = await readSettings(sql, sku);
  const locations = location === undefined ? await locationsOf(sql, sku) : [location];
  for (const at of changes.keys()) if (!locations.includes(at)) locations.push(at);
  return locations
    .sort()
    .slice(0, LOCATIONS_MAX)
    .map((at) => {
      const all = changes.get(at) ?? [];
      const plan = all.find((change) => change.plan !== undefined)?.plan ?? null;
      const here = settings.filter((one) => one.location === undefined || one.location === at);
      return {
        location: at,
        version: all[0]?.version ?? 0,
        plan,
        settings: here,
        history: all.slice(0, history),
      };
    })
    .filter(({ version, settings: set }) => version > 0 || set.some((one) => one.sku === sku));
}

/** Where a SKU is, as far as levels or demand tell. */
async function locationsOf(sql: Sql, sku: string): Promise<string[]> {
  const rows = await sql<{ location: string }[]>`
    select location from stock_level where sku = ${sku} order by location limit ${LOCATIONS_MAX}`;
  return rows.map((row) => row.location);
}

type ChangeRow = {
  location: string;
  version: number;
  plan: ToldPlan | null;
  channels: Record<string, unknown> | null;
  backorder_limit: number | null;
  cause: string;
  made_by: string;
  made_at: Date;
};

async function readChanges(sql: Sql, { sku, location, history }: Query) {
  const rows = await sql<ChangeRow[]>`
    select location, version, plan, channels, backorder_limit, cause, made_by, made_at
    from (
      select p.*, row_number() over (partition by location order by version desc) as nth,
        row_number() over (partition by location, plan is null order by version desc) as nth_plan
      from policy p where sku = ${sku} ${location === undefined ? sql`` : sql`and location = ${location}`}
    ) p
    where nth <= ${history} or nth = 1 or (plan is not null and nth_plan = 1)
    order by location, version desc`;
  const found = new Map<string, PolicyChange[]>();
  for (const row of rows) {
    const list = found.get(row.location) ?? [];
    list.push({
      version: row.version,
      ...(row.plan === null ? {} : { plan: planOf(row.plan) }),
      ...(row.channels === null ? {} : { channels: row.channels }),
      ...(row.backorder_limit === null ? {} : { backorderLimit: row.backorder_limit }),
      cause: row.cause,
      madeBy: row.made_by,
      madeAt: row.made_at.toISOString(),
    });
    found.set(row.location, list);
  }
  return found;
}

/** Others than the planner may leave fields out. */
function planOf({
  mode,
  reorderPoint,
  orderUpTo,
  safetyStock = 0,
  cause = "",
}: ToldPlan): ToldPlan {
  return { mode, reorderPoint, orderUpTo, safetyStock, cause };
}

type SettingRow = {
  category: string;
  sku: string;
  location: string;
  mode: StoredSetting["mode"] | null;
  method: StoredSetting["method"] | null;
  fillRate: number | null;
  coverDays: number | null;
  stockMax: number | null;
  override: StoredSetting["override"] | null;
  updatedAt: Date;
};

/** Settings that may hold for a SKU, the least specific first. */
async function readSettings(sql: Sql, sku: string): Promise<StoredSetting[]> {
  const rows = await sql<SettingRow[]>`
    select s.category, s.sku, s.location, mode, method, fill_rate as "fillRate",
      cover_days as "coverDays", stock_max as "stockMax", override, s.updated_at as "updatedAt"
    from policy_setting s left join item i on i.sku = ${sku}
    where s.sku in ('', ${sku}) and s.category in ('', coalesce(i.category, ''))
    order by s.sku, s.category, s.location`;
  return rows.map(settingOf);
}

/** What is set for groups: categories, locations, everything. */
export async function readGroupSettings(sql: Sql): Promise<StoredSetting[]> {
  const rows = await sql<SettingRow[]>`
    select category, sku, location, mode, method, fill_rate as "fillRate",
      cover_days as "coverDays", stock_max as "stockMax", override, updated_at as "updatedAt"
    from policy_setting where sku = '' order by category, location limit ${GROUPS_MAX}`;
  return rows.map(settingOf);
}

function settingOf({ updatedAt, ...row }: SettingRow): StoredSetting {
  const told: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(row))
    if (value !== null && value !== "") told[field] = value;
  return { ...told, updatedAt: updatedAt.toISOString() } as StoredSetting;
}
