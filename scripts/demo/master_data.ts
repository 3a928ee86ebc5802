// The simulated chain's places and articles as master data, and what of its shelves is there already.

import type { Database } from "../../shared/postgres.ts";
import type { Chain } from "./chain.ts";

/** Registers or renews places (with their time zones) and articles. Safe to repeat. */
export async function registerChain(database: Database, chain: Chain): Promise<void> {
  const places = chain.places.map(({ location, name, kind, timeZone, opens }) => ({
    location,
    name,
    kind,
    time_zone: timeZone,
    opens,
  }));
  const items = chain.articles.map(({ sku, name, category, unitCost, pack }) => ({
    sku,
    name,
    category,
    unit_cost: unitCost,
    currency: chain.currency,
    pack,
  }));
  await database.transaction(async (sql) => {
    await sql`
      insert into location (location, name, kind, time_zone, opens)
      select location, name, kind, time_zone, opens
      from jsonb_to_recordset(${sql.json(places)})
        as t(location text, name text, kind text, time_zone text, opens text)
      on conflict (location) do update set name = excluded.name, kind = excluded.kind,
        time_zone = excluded.time_zone, opens = excluded.opens, updated_at = now()`;
    await sql`
      insert into item (sku, name, category, unit_cost, currency, pack)
      select sku, name, category, unit_cost, currency, pack
      from jsonb_to_recordset(${sql.json(items)})
        as t(sku text, name text, category text, unit_cost int8, currency text, pack int8)
      on conflict (sku) do update set name = excluded.name, category = excluded.category,
        unit_cost = excluded.unit_cost, currency = excluded.currency, pack = excluded.pack,
        updated_at = now()`;
    // Reorder points ask for goods and wait for a person, unless somebody has set it otherwise.
    await sql`insert into policy_setting (mode) values ('recommend') on conflict do nothing`;
  });
}

/** On-hand by shelf as of the last checkpoint; undefined where there is no level yet. */
export async function readShelves(
  database: Database,
  chain: Chain,
): Promise<(number | undefined)[]> {
  const locations = chain.places.map((place) => place.location);
  const rows = await database.run(
    (sql) => sql<{ sku: string; location: string; onHand: number }[]>`
      select sku, location, on_hand as "onHand" from stock_level
      where location in ${sql(locations)}`,
  );
  const known = new Map(rows.map((row) => [`${row.location}\n${row.sku}`, row.onHand]));
  return chain.shelves.map((shelf) => {
    const sku = chain.articles[shelf.article]!.sku;
    return known.get(`${chain.places[shelf.place]!.location}\n${sku}`);
  });
}
