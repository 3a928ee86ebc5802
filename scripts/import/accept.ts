// What an import must have done, checked independently of all our code: the file is copied into a
// table of its own and folded in SQL, and compared with ledger and levels, row by row. Plans that any of its lines
// would set off, were it no history, are laid beforehand, so that "no need, no alert" says something.

import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { pipeline } from "node:stream/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import type { Command } from "../../shared/messages.ts";
import type { Database } from "../../shared/postgres.ts";
import type { NatsConnection } from "../../streams/connection.ts";
import { openUnpacked, surveyFile } from "./survey.ts";

/** The system that took the import. */
export type AcceptingSystem = { database: Database; nc: NatsConnection };

export type Acceptance = {
  /** Lines of the file, and ledger rows with an identity of it. */
  lines: number;
  ledgerRows: number;
  /** Lines without a ledger row, with more than one, or whose row says something else. */
  missing: number;
  repeated: number;
  different: number;
  /** SKU-locations of the file, and those whose level is not the file's sum and what other commands brought. */
  keys: number;
  levelsWrong: number;
  /** Needs and alerts there are, published or on their way. History must raise none. */
  effects: number;
  ok: boolean;
};

/** Lines of a file whose keys get a plan. */
const ARMED_LINES = 500;

/**
 * The commands that lay a plan on the keys of the file's first lines: one unit there, a reorder point of none, so that
 * the first unit sold asks for more and the second is oversold.
 */
export async function armingCommands(file: string): Promise<Command[]> {
  const { gzip } = await surveyFile(file);
  const keys = new Map<string, { sku: string; location: string }>();
  let lines = 0;
  for await (const line of createInterface({ input: openUnpacked(file, gzip) })) {
    const [, , sku = "", location = ""] = line.split(",");
    if (lines > 0) keys.set(`${sku},${location}`, { sku, location });
    if (lines++ === ARMED_LINES) break;
  }
  const plan = { mode: "autopilot", reorderPoint: 0, orderUpTo: 10, cause: "acceptance" };
  return [...keys.values()].flatMap((key) => [
    { ...key, type: "receipt", id: "arm-receipt", qty: 1 },
    { ...key, type: "policy", id: "arm-policy", plan },
  ]) as unknown as Command[];
}

/** Needs and alerts there are, published or on their way; one that is published just now may count twice. */
export async function effectsOf({ database, nc }: AcceptingSystem): Promise<number> {
  // First what waits, then what was published: none can be missed between the two.
  const [waiting] = await database.run(
    (sql) => sql<{ effects: number }[]>`
      select count(*)::int as effects from outbox
      where subject like 'inv.need.%' or subject like 'inv.alert.%'`,
  );
  const manager = await jetstreamManager(nc);
  const streams = await Promise.all(["NEEDS", "ALERTS"].map((name) => manager.streams.info(name)));
  const published = streams.reduce((sum, { state }) => sum + state.messages, 0);
  return (waiting?.effects ?? 0) + published;
}

/** Columns: timestamp, invoice, sku, location, qty, unit_price; no quotes. Times are UTC. */
export async function acceptImport(system: AcceptingSystem, file: string): Promise<Acceptance> {
  const effects = await effectsOf(system);
  const survey = await surveyFile(file);
  const prefix = `imp-${survey.digest.slice(0, 16)}-`;
  return system.database.transaction(
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
        left join (select sku, location, sum(delta_sellable) as units from stock_transaction
          where cause = 'command' and not starts_with(id, ${prefix}) group by sku, location) o
          using (sku, location)
        left join stock_level l using (sku, location)
        where l.sku is null or l.sellable <> f.units + coalesce(o.units, 0) or l.on_hand <> l.sellable`;
      const found = {
        lines: lines?.lines ?? 0,
        ledgerRows: rows?.rows ?? 0,
        missing: compared?.missing ?? 0,
        repeated: rows?.repeated ?? 0,
        different: compared?.different ?? 0,
        keys: lines?.keys ?? 0,
        levelsWrong: levels?.wrong ?? 0,
        effects,
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
