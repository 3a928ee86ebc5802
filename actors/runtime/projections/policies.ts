// Owns the table `policy`: every policy command the stock machine applied, with its plan and cause, in order. A
// projection of the ledger, so that it holds whoever sent the command: planner, merchant or a person by HTTP.
//
// The machine raises a key's policy version by one with each applied policy, from 0; counting the rows of a key in
// the order of the log gives the same number.

import type { Transaction } from "../../../shared/postgres.ts";
import { type LedgerRange, type Projection, rowsOf } from "./projection.ts";

export function policies(): Projection {
  return { name: "policies", fold: foldPolicies };
}

async function foldPolicies(sql: Transaction, range: LedgerRange): Promise<void> {
  await sql`
    with found as (
      select t.*, row_number() over (partition by t.sku, t.location order by t.seq, t.index) as nth
      from stock_transaction t
      where t.type = 'policy' and ${rowsOf(sql, range)}
        and t.cause = 'command' and t.outcome = 'applied'
    )
    insert into policy (sku, location, version, plan, channels, backorder_limit, cause, made_by, ref,
      made_at, position)
    select f.sku, f.location,
      f.nth + coalesce((select max(p.version) from policy p
        where p.sku = f.sku and p.location = f.location), 0),
      f.extra->'plan', f.extra->'channels', (f.extra->>'backorderLimit')::int8,
      coalesce(f.extra->'plan'->>'cause', 'set by ' || coalesce(f.channel, 'a command')),
      coalesce(f.channel, 'command'), f.ref, f.appended_at,
      lpad(f.epoch::text, 4, '0') || '.' || lpad(f.seq::text, 14, '0') || '.' || lpad(f.index::text, 3, '0')
    from found f`;
}
