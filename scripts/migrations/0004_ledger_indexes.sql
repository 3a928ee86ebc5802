-- The ledger's indexes cost as much as its rows: a hash of identities, a btree of (SKU, location) and a primary key of six
-- columns. One btree of numbers now finds keys and identities, and one of entries finds positions. What each costs, and why no
-- index is unique any more: docs/decisions/0006-ledger-indexes.md.

-- A key of the ledger as one number. Two keys may share one: ask for SKU and location too.
create function ledger_key(sku text, location text) returns int8
language sql immutable parallel safe
return hashtextextended(location, hashtextextended(sku, 0));

drop index stock_transaction_identity;
drop index stock_transaction_key;
drop index stock_transaction_void;
alter table stock_transaction drop constraint stock_transaction_pkey;

create index stock_transaction_entry on stock_transaction (epoch, shard, seq);
create index stock_transaction_key on stock_transaction (ledger_key(sku, location), identity);
-- Rows that stand at another key than their command named, for which a hold without a location chose it: `extra` says so.
create index stock_transaction_elsewhere on stock_transaction using hash (identity)
  where extra ?| array['location', 'sku'];
-- Voids; and what tells the locations of a SKU: the first row of every key is in it, for before it all was zero.
create index stock_transaction_place on stock_transaction (sku, location)
  where (sellable = delta_sellable and reserved = delta_reserved) or type = 'void';

-- As before, and of what indexes compute no larger a sample either.
create or replace function keep_ledger_statistics(ledger regclass) returns void
language plpgsql as $$
declare
  chosen_by constant name[] := array['epoch', 'shard', 'seq', 'index', 'ordinal', 'sku', 'location', 'id', 'identity',
    'type', 'cause', 'outcome', 'at', 'appended_at', 'bucket', 'channel', 'ref', 'hold', 'demand'];
  computed record;
begin
  execute 'alter table ' || ledger || ' ' || (
    select string_agg(format('alter column %I set statistics %s', a.attname,
      case when a.attname = any(chosen_by) then 25 else 0 end), ', ')
    from pg_attribute a where a.attrelid = ledger and a.attnum > 0 and not a.attisdropped);
  for computed in
    select i.indexrelid::regclass as index, k.number
    from pg_index i cross join lateral unnest(i.indkey) with ordinality as k (attribute, number)
    where i.indrelid = ledger and k.attribute = 0
  loop
    execute format('alter index %s alter column %s set statistics 25', computed.index, computed.number);
  end loop;
end
$$;

select keep_ledger_statistics(relid) from pg_partition_tree('stock_transaction');
