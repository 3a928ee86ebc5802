// Owns master data in Postgres: a PUT merges (fields that are absent stay as they are, null clears), all rows are
// stored or none. Names in statements come from MASTER alone.

import { HTTP_READ_TIMEOUT_MS } from "../shared/limits.ts";
import type { Database, Sql, Transaction } from "../shared/postgres.ts";
import { MASTER, type MasterColumn, type MasterKind, type MasterRow } from "./master_kinds.ts";

export type MasterList = {
  /** Key of the row the page begins after. */
  after?: readonly string[];
  /** Value by field. */
  filters: Readonly<Record<string, string>>;
  limit: number;
};

export type MasterData = {
  /** Stores all rows; how many were new. */
  put(kind: MasterKind, rows: readonly MasterRow[]): Promise<{ created: number; updated: number }>;
  /** Rows in order of their key. */
  list(kind: MasterKind, list: MasterList): Promise<MasterRow[]>;
  /** Keys that have levels and no row, of a kind that may be unregistered, in order. */
  unregistered(kind: MasterKind, list: Omit<MasterList, "filters">): Promise<MasterRow[]>;
  /** Those of `zones` that Postgres does not know. */
  unknownZones(zones: readonly string[]): Promise<string[]>;
  unknownVendors(vendors: readonly string[]): Promise<string[]>;
  /** Those of which neither master data nor the log has heard. */
  unheard(names: { locations: readonly string[]; skus: readonly string[] }): Promise<Names>;
};

type Names = { locations: string[]; skus: string[] };

/** @throws OnhandError what shared/postgres.ts throws */
export function masterData(database: Database): MasterData {
  const run = <T>(work: (sql: Sql) => Promise<T>) => database.run(work, HTTP_READ_TIMEOUT_MS);
  const names = (work: (sql: Sql) => Promise<readonly { name: string }[]>) =>
    run(async (sql) => (await work(sql)).map(({ name }) => name));
  return {
    put: (kind, rows) =>
      merging(database, MASTER[kind].table, async (sql) => {
        const stored = await sql.unsafe<{ created: boolean }[]>(putStatement(kind), [
          JSON.stringify(rows),
        ]);
        const created = stored.filter((row) => row.created).length;
        return { created, updated: stored.length - created };
      }),
    list: (kind, list) =>
      run(async (sql) => {
        const { text, values } = listStatement(kind, list);
        const rows = await sql.unsafe<MasterRow[]>(text, values);
        return rows.map((row) => fromRow(kind, row));
      }),
    unregistered: (kind, list) =>
      run(async (sql) => {
        const { text, values } = unregisteredStatement(kind, list);
        return [...(await sql.unsafe<MasterRow[]>(text, values))];
      }),
    unknownZones: (zones) =>
      names(
        (sql) => sql`
          select z.name from unnest(${[...zones]}::text[]) as z(name)
          where not exists (select 1 from pg_timezone_names t where lower(t.name) = lower(z.name))`,
      ),
    unknownVendors: (vendors) =>
      names(
        (sql) => sql`
          select v.name from unnest(${[...vendors]}::text[]) as v(name)
          where not exists (select 1 from vendor where vendor.vendor = v.name)`,
      ),
    async unheard({ locations, skus }) {
      const [unheardLocations, unheardSkus] = await Promise.all([
        names(
          (sql) => sql`
            select n.name from unnest(${[...locations]}::text[]) as n(name)
            where not exists (select 1 from location l where l.location = n.name)
              and not exists (select 1 from stock_level s where s.location = n.name)
            order by n.name`,
        ),
        names(
          (sql) => sql`
            select n.name from unnest(${[...skus]}::text[]) as n(name)
            where not exists (select 1 from item i where i.sku = n.name)
              and not exists (select 1 from stock_level s where s.sku = n.name)
            order by n.name`,
        ),
      ]);
      return { locations: unheardLocations, skus: unheardSkus };
    },
  };
}

/**
 * Runs a merge of rows of `table`, one at a time: what it keeps of a row is read before it is written, and another
 * one in between would be undone, or would wait for it and it for the other.
 */
export function merging<T>(
  database: Database,
  table: string,
  merge: (sql: Transaction) => Promise<T>,
): Promise<T> {
  return database.transaction(
    async (sql) => {
      await sql.unsafe(`lock table ${table} in share row exclusive mode`);
      return merge(sql);
    },
    { timeLimitMs: HTTP_READ_TIMEOUT_MS },
  );
}

/** One statement for any kind: absent fields keep what is there. */
function putStatement(kind: MasterKind): string {
  const { table, key, columns } = MASTER[kind];
  const isKey = new Set(key);
  const fields = Object.entries(columns);
  const names = fields.map(([, { name }]) => name);
  const values = fields.map(([field, column]) =>
    isKey.has(field) ? keyValue(field, column) : mergedValue(field, column),
  );
  const same = key.map((field) => {
    const column = columns[field] as MasterColumn;
    return `old.${column.name} = ${keyValue(field, column)}`;
  });
  const keys = key.map((field) => columns[field]?.name);
  const sets = fields
    .filter(([field]) => !isKey.has(field))
    .map(([, { name }]) => `${name} = excluded.${name}`);
  return `insert into ${table} (${names.join(", ")}, updated_at)
    select ${values.join(", ")}, now()
    from jsonb_array_elements($1::text::jsonb) r left join ${table} old on ${same.join(" and ")}
    on conflict (${keys.join(", ")}) do update set ${sets.join(", ")}, updated_at = excluded.updated_at
    returning (xmax = 0) as created`;
}

function keyValue(field: string, { type, fallback }: MasterColumn): string {
  const given = `(r->>'${field}')::${type}`;
  return fallback === undefined ? given : `coalesce(${given}, ${fallback})`;
}

function mergedValue(field: string, { name, type, fallback }: MasterColumn): string {
  const given = type === "jsonb" ? `nullif(r->'${field}', 'null')` : `(r->>'${field}')::${type}`;
  const kept = fallback === undefined ? `old.${name}` : `coalesce(old.${name}, ${fallback})`;
  return `case when r ? '${field}' then ${given} else ${kept} end`;
}

function listStatement(
  kind: MasterKind,
  { after, filters, limit }: MasterList,
): { text: string; values: (string | number)[] } {
  const { table, key, columns } = MASTER[kind];
  const values: (string | number)[] = [];
  const parameter = (value: string | number, type: string) => {
    values.push(value);
    return `$${values.length}::text::${type}`;
  };
  const conditions: string[] = [];
  for (const [field, value] of Object.entries(filters)) {
    const column = columns[field] as MasterColumn;
    conditions.push(`${column.name} = ${parameter(value, column.type)}`);
  }
  const keys = key.map((field) => columns[field] as MasterColumn);
  if (after !== undefined) {
    const place = keys.map((column, i) => parameter(after[i] as string, column.type));
    conditions.push(`(${keys.map(({ name }) => name).join(", ")}) > (${place.join(", ")})`);
  }
  const selected = Object.values(columns).map(({ name, type }) =>
    type === "date" ? `${name}::text as ${name}` : name,
  );
  const where = conditions.length === 0 ? "" : `where ${conditions.join(" and ")}`;
  const order = keys.map(({ name }) => `${table}.${name}`).join(", ");
  const text = `select ${selected.join(", ")}, updated_at from ${table} ${where}
    order by ${order} limit ${Math.trunc(limit)}`;
  return { text, values };
}

/** Each name by one look into the index of stock_level, which has many rows of each. */
function unregisteredStatement(
  kind: MasterKind,
  { after, limit }: Omit<MasterList, "filters">,
): { text: string; values: string[] } {
  const { table, key } = MASTER[kind];
  const name = key[0] as string;
  const next = (than: string) =>
    `(select s.${name} from stock_level s where s.${name} > ${than} order by s.${name} limit 1)`;
  const text = `with recursive known as (
      select ${next("$1::text")} as ${name}
      union all select ${next(`k.${name}`)} from known k where k.${name} is not null)
    select k.${name} from known k where k.${name} is not null
      and not exists (select 1 from ${table} t where t.${name} = k.${name})
    order by k.${name} limit ${Math.trunc(limit)}`;
  return { text, values: [after?.[0] ?? ""] };
}

/** Absent is what is not known, and the key field of a row that is for all. */
function fromRow(kind: MasterKind, row: MasterRow): MasterRow {
  const result: MasterRow = {};
  const { columns, key } = MASTER[kind];
  for (const [field, { name }] of Object.entries(columns)) {
    const value = row[name];
    const isForAll = value === "" && key.includes(field);
    if (value !== null && value !== undefined && !isForAll) result[field] = value;
  }
  result.updatedAt = (row.updated_at as Date).toISOString();
  return result;
}
