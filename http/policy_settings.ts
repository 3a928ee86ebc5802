// Owns storing what people set about policies. Fields that are absent stay as they are, null clears.

import type { SkuSetting } from "../shared/planning.ts";
import type { Database } from "../shared/postgres.ts";
import { merging } from "./master_data.ts";

/** '' stands for any. */
export type SettingToPut = { category: string; sku: string; location: string; setting: SkuSetting };

/** Stores all settings or none. */
export async function putSettings(
  database: Database,
  settings: readonly SettingToPut[],
): Promise<void> {
  const rows = settings.map(({ setting, ...scope }) => ({ ...scope, ...setting }));
  await merging(
    database,
    "policy_setting",
    (sql) => sql`
    insert into policy_setting (category, sku, location, mode, method, fill_rate, cover_days, stock_max,
      override, updated_at)
    select r->>'category', r->>'sku', r->>'location',
      case when r ? 'mode' then r->>'mode' else old.mode end,
      case when r ? 'method' then r->>'method' else old.method end,
      case when r ? 'fillRate' then (r->>'fillRate')::float8 else old.fill_rate end,
      case when r ? 'coverDays' then (r->>'coverDays')::float8 else old.cover_days end,
      case when r ? 'stockMax' then (r->>'stockMax')::int8 else old.stock_max end,
      case when r ? 'override' then nullif(r->'override', 'null') else old.override end,
      clock_timestamp()
    from jsonb_array_elements(${JSON.stringify(rows)}::text::jsonb) r
    left join policy_setting old on old.category = r->>'category' and old.sku = r->>'sku'
      and old.location = r->>'location'
    on conflict (category, sku, location) do update set mode = excluded.mode, method = excluded.method,
      fill_rate = excluded.fill_rate, cover_days = excluded.cover_days, stock_max = excluded.stock_max,
      override = excluded.override, updated_at = excluded.updated_at`,
  );
}
