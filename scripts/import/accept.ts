// What an import must have done, checked independently of all our code: the file is copied into a
// table of its own and folded in SQL, and compared with ledger and levels, row by row.

import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import type { Database } from "../../shared/postgres.ts";
import { openUnpacked, surveyFile } from "./survey.ts";

export type Acceptance = {
  /** Lines of the file, and ledger rows with an identity of it. */
  lines: number;
  ledgerRows: number;
  /** Lines without a ledger row, with more than one, or whose row says something else. */
  missing: number;
  repeated: number;
  different: number;
  /** SKU-locations of the file, and those whose level is not the file's sum. */
  keys: number;
  levelsWrong: number;
  /** Needs and alerts that came of it. History must raise none. */
  effects: number;
  ok: boolean;
};

/** Columns: timestamp, invoice, sku, location, qty, unit_price; no quotes. Times are UTC. */
export async function acceptImport(database: Database, file: string): Promise<Acceptance> {
  const survey = await surveyFile(file);
  const prefix = `imp-${survey.digest.slice(0, 16)}-`;
  return database.transaction(
    async (sql) => {
      await sql`create temp table raw (timestamp text, invoice text, sku text, location text,
        qty int8, unit_price numeric, line int8 generated always as identity (start with 2))
        on commit drop`;
      const copy = sql.unsafe(
        "copy raw (timestamp, invoice, sku, location, qty, unit_price) from stdin with (format csv, header)",
      );
      const source = survey.gzip ? openUnpacked(file, true) : createReadStream(file);
      await pipeline(source, await copy.writable());
      await sql`create temp table ours on commit drop as
        select substr(id, ${prefix.length + 1})::int8 as line, sku, location, type, outcome, qty,
          delta_sellable as delta, at, ref, price, backfill
        from stock_transaction where cause = 'command' and starts_with(id, ${prefix})`;
      const [lines] = await sql<{ lines: number; keys: number }[]>`
        select count(*)::int as lines, count(distinct (sku, location))::int as keys from raw`;
      const [rows] = await sql<{ rows: number; repeated: number }[]>`
        select count(*)::int as rows, (count(*) - count(distinct line))::int as repeated from ours`;
      const [compared] = await sql<{ missing: number; different: number }[]>`
        select count(*) filter (where o.line is null)::int as missing,
          count(*) filter (where o.line is not null and (
            o.sku <> r.sku or o.location <> r.location or o.outcome <> 'applied'
            or o.delta <> -r.qty or o.qty <> abs(r.qty) or o.ref <> r.invoice or not o.backfill
            or o.price <> (r.unit_price * 100)::int8 or o.at <> (r.timestamp || 'Z')::timestamptz
            or o.type <> case when r.unit_price = 0 then 'adjust'
                              when r.qty > 0 then 'sale' else 'return' end))::int as different
        from raw r left join ours o using (line)`;
      const [levels] = await sql<{ wrong: number }[]>`
        select count(*)::int as wrong
        from (select sku, location, -sum(qty) as units from raw group by sku, location) f
        left join stock_level l using (sku, location)
        where l.sku is null or l.sellable <> f.units or l.on_hand <> f.units`;
      const [effects] = await sql<{ effects: number }[]>`
        select count(*)::int as effects from outbox
        where subject like 'inv.need.%' or subject like 'inv.alert.%'`;
      const found = {
        lines: lines?.lines ?? 0,
        ledgerRows: rows?.rows ?? 0,
        missing: compared?.missing ?? 0,
        repeated: rows?.repeated ?? 0,
        different: compared?.different ?? 0,
        keys: lines?.keys ?? 0,
        levelsWrong: levels?.wrong ?? 0,
        effects: effects?.effects ?? 0,
      };
      const { missing, repeated, different, levelsWrong } = found;
      const isSame = found.lines === found.ledgerRows && missing + repeated + different === 0;
      return { ...found, ok: isSame && levelsWrong === 0 && found.effects === 0 };
    },
    { timeLimitMs: 120_000 },
  );
}

/** Everything an import could have changed, as one text: equal texts, nothing changed. */
export async function fingerprint(database: Database): Promise<string> {
  const [found] = await database.run(
    (sql) => sql<{ rows: number; ledger: string; levels: string }[]>`
      select (select count(*)::int from stock_transaction) as rows,
        (select coalesce(sum(hashtextextended(t::text, 0))::text, '')
           from (select sku, location, id, type, outcome, delta_sellable, sellable, reserved, at
                 from stock_transaction) t) as ledger,
        (select coalesce(sum(hashtextextended(t::text, 0))::text, '')
           from (select sku, location, on_hand, sellable, reserved, version
                 from stock_level) t) as levels`,
    120_000,
  );
  return JSON.stringify(found);
}
