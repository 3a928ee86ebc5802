-- Postgres samples a table for its planner when a tenth of it is new: with its defaults 30,000 rows of 41 columns of the
-- ledger, half a second of one processor, once a minute while the ledger is young. Statistics are kept of what
-- queries choose rows by, from a sample a quarter as large, and of nothing else. Partitions do not take this over: it is
-- asked for each (actors/runtime/house_keeping.ts).
create function keep_ledger_statistics(ledger regclass) returns void
language plpgsql as $$
declare
  chosen_by constant name[] := array['epoch', 'shard', 'seq', 'index', 'ordinal', 'sku', 'location', 'id', 'identity',
    'type', 'cause', 'outcome', 'at', 'appended_at', 'bucket', 'channel', 'ref', 'hold', 'demand'];
begin
  execute 'alter table ' || ledger || ' ' || (
    select string_agg(format('alter column %I set statistics %s', a.attname,
      case when a.attname = any(chosen_by) then 25 else 0 end), ', ')
    from pg_attribute a where a.attrelid = ledger and a.attnum > 0 and not a.attisdropped);
end
$$;

select keep_ledger_statistics('stock_transaction');
