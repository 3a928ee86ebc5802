-- The spine: shards and their commits, the ledger, checkpoint tables, outbox, projections, master data.
-- Quantities are whole base units (int8); money is whole minor units with its currency.

create table shard (
  epoch int4 not null,
  shard int2 not null,
  apply_version int4 not null,
  -- The commit: exactly one prefix of the log.
  committed_seq int8 not null default 0,
  committed_at timestamptz,               -- append time of its last entry
  committed_digest text,                  -- SHA-256 of its last entry's subject and payload
  token text not null default '',         -- who committed last, and which commit of theirs
  -- The checkpoint: an earlier or the same prefix.
  checkpoint_seq int8 not null default 0,
  checkpoint_now timestamptz,             -- log time after its last entry
  checkpoint_at timestamptz,              -- append time and digest of its last entry
  checkpoint_digest text,
  checkpoint_snapshot jsonb,
  stream_created text,                    -- identity of the stream that was folded, as the server tells it
  outbox_next int8 not null default 1,
  primary key (epoch, shard)
);

create table poison_entry (
  epoch int4 not null,
  shard int2 not null,
  seq int8 not null,
  error text not null,
  found_at timestamptz not null default now(),
  primary key (epoch, shard, seq)
);

-- The ledger. Partitioned by append time; partitions are made ahead by the runner's house-keeping.
create table stock_transaction (
  epoch int4 not null,
  shard int2 not null,
  seq int8 not null,
  index int2 not null,
  ordinal int4 not null,
  sku text not null,
  location text not null,
  id text,
  identity int8,                          -- 64-bit hash of (location, sku, id)
  digest int4 not null,
  type text not null,
  cause text not null,
  outcome text not null,
  reason text,
  at timestamptz not null,
  appended_at timestamptz not null,
  qty int8,
  delta_sellable int8 not null,
  delta_reserved int8 not null,
  bucket text,
  delta_bucket int8 not null,
  delta_backordered int8 not null,
  delta_in_transit int8 not null,
  delta_on_order int8 not null,
  sellable int8 not null,
  unavailable int8 not null,
  reserved int8 not null,
  backordered int8 not null,
  in_transit int8 not null,
  on_order int8 not null,
  channel text,
  ref text,
  price int8,
  cost int8,
  currency text,
  hold text,
  backfill bool not null,
  lost int8 not null,
  demand int8 not null,
  extra jsonb,
  primary key (epoch, shard, seq, index, ordinal, appended_at)
) partition by range (appended_at);

create table stock_transaction_default partition of stock_transaction default;
-- Repeats older than memory are looked up by identity: a hash, since nothing but equality is asked.
-- See docs/decisions/0001-identity-index.md for what each index costs.
create index stock_transaction_identity on stock_transaction using hash (identity);
create index stock_transaction_key on stock_transaction (sku, location);
create index stock_transaction_void on stock_transaction (sku, location) where type = 'void';
-- Orders that are taken back are looked up by their hold: only rows that made or unmade its demand.
create index stock_transaction_order on stock_transaction (hold) where demand <> 0 and hold is not null;

create table stock_level (
  sku text not null,
  location text not null,
  epoch int4 not null,
  shard int2 not null,
  on_hand int8 not null,
  sellable int8 not null,
  unavailable int8 not null,
  unavailable_by_bucket jsonb,
  reserved int8 not null,
  firm int8 not null,                     -- part of reserved that never expires
  available int8 not null,
  backordered int8 not null,
  in_transit int8 not null,
  on_order int8 not null,
  inventory_position int8 not null,
  supplied bool not null,                 -- has had a count or receipt
  movement int8 not null,                 -- number of its newest movement
  version text not null,
  updated_at timestamptz not null,
  state jsonb,                            -- anchors, plan, channel rules, open need: the actor's own
  primary key (sku, location)
) with (fillfactor = 75);                 -- room for updates that touch no index
create index stock_level_shard on stock_level (shard);
create index stock_level_location on stock_level (location, sku);

create table hold (
  hold text not null,
  sku text not null,
  location text not null,
  shard int2 not null,
  number int8 not null,                   -- order of creation in the shard: backorders are filled in it
  qty int8 not null,                      -- still held
  backordered int8 not null,
  status text not null,                   -- held | fulfilled | released | expired
  firm bool not null,
  expires_at timestamptz,                 -- null: never
  channel text,
  shopper text,
  finished int8 not null,                 -- order in which holds finished, 0 while live
  finished_at timestamptz,
  hold_group int8,                        -- lines of one hold share it
  state jsonb,
  primary key (sku, location, hold)
);
create index hold_shard on hold (shard);
create index hold_by_id on hold (hold);

create table transfer (
  transfer text not null,
  sku text not null,
  source text not null,
  target text not null,
  shard int2 not null,
  shipped int8 not null,
  arrived int8 not null,
  lost int8 not null,
  named bool not null,
  cancelled bool not null,
  closed bool not null,
  eta timestamptz,
  closing int8 not null,
  closed_at timestamptz,
  primary key (sku, transfer)
);
create index transfer_shard on transfer (shard);

create table order_line (
  order_id text not null,
  line text not null,
  sku text not null,
  location text not null,
  shard int2 not null,
  need text,
  rev int8 not null,
  ordered int8 not null,
  received int8 not null,
  status text not null,
  eta timestamptz,
  quiet_until timestamptz,
  closing int8 not null,
  closed_at timestamptz,
  primary key (sku, location, order_id, line)
);
create index order_line_shard on order_line (shard);

-- What shoppers asked for in vain, by day, so that asking twice counts once.
create table lost_demand (
  sku text not null,
  day int4 not null,                      -- days since 1970, UTC
  shopper text not null,
  location text not null,
  shard int2 not null,
  number int8 not null,
  at timestamptz not null,
  made_at timestamptz not null,
  asked int8 not null,
  got int8 not null,
  lost int8 not null,
  primary key (sku, day, shopper)
);
create index lost_demand_shard on lost_demand (shard);

-- Generations of the filter of older identities, per shard.
create table identity_filter (
  epoch int4 not null,
  shard int2 not null,
  generation int4 not null,
  bits int2 not null,
  count int8 not null,
  newest_at timestamptz,
  left_print int8,
  left_bucket int8,
  filter bytea not null,
  primary key (epoch, shard, generation)
);
-- Recent identities and movements as the actor keeps them, in slices by their first number.
create table recent_identity (
  epoch int4 not null,
  shard int2 not null,
  first int8 not null,
  count int8 not null,
  slice bytea not null,
  primary key (epoch, shard, first)
);
create table movement (
  epoch int4 not null,
  shard int2 not null,
  first int8 not null,
  count int8 not null,
  slice bytea not null,
  primary key (epoch, shard, first)
);
-- Dense bytes: compressing them would only cost.
alter table identity_filter alter column filter set storage external;
alter table recent_identity alter column slice set storage external;
alter table movement alter column slice set storage external;

-- Effects of commits, published afterwards, in order per shard, at least once.
create table outbox (
  epoch int4 not null,
  shard int2 not null,
  number int8 not null,
  effect_id text not null,
  kind text not null,                     -- need | hold | alert | dead | command | demand
  subject text not null,
  payload text not null,
  created_at timestamptz not null default now(),
  primary key (epoch, shard, number)
);

-- Cursors of projections over the ledger.
create table projection (
  name text not null,
  epoch int4 not null,
  shard int2 not null,
  seq int8 not null default 0,
  updated_at timestamptz not null default now(),
  primary key (name, epoch, shard)
);

-- Units asked for of a SKU at a location in one window of event time (a local day, or hour): whole values,
-- restated when late facts arrive; the highest version wins. docs/SPEC.md section 13 has every rule. A day
-- without a row: nothing happened; whether it was closed or zero says location_days().
create table demand_window (
  sku text not null,
  location text not null,
  window_start timestamptz not null,
  window_end timestamptz not null,
  local_day date not null,                -- of the start, in the location's zone
  shard int2 not null,
  demand int8 not null default 0,         -- units sold or firmly ordered; may be negative: see the SPEC
  lost int8 not null default 0,           -- units asked for in vain
  orders int8 not null default 0,         -- sale lines and firm orders the demand came in
  largest_order int8 not null default 0,  -- most units of one of them: tells bulk
  returns int8 not null default 0,
  transfers int8 not null default 0,      -- arrived less shipped
  counts int8 not null default 0,         -- what counts and adjustments found, net
  minutes_open int4 not null,             -- 0: closed (and yet something happened)
  out_of_stock_ms int8,                   -- of the open time; null: its stock was never counted or received
  minutes_out_of_stock int4 generated always as ((out_of_stock_ms + 30000) / 60000) stored,
  signals jsonb not null default '{}',    -- in force that day: { "promotion": 1, … }
  closed bool not null default false,     -- past the watermark; late facts restate it all the same
  version text not null,                  -- grows with every change: see demand_version
  primary key (sku, location, window_start)
) with (fillfactor = 75);                 -- room for updates that touch no index
create index demand_window_place on demand_window (shard, location, window_start);

-- A version is <epoch>.<entry folded to>.<number of this sequence>: it grows after a restored Postgres too.
create sequence demand_version;

-- Windows whose present version was not published yet; `removed`: the window is no more.
create table demand_due (
  shard int2 not null,
  sku text not null,
  location text not null,
  window_start timestamptz not null,
  version text not null,
  removed bool not null default false,
  primary key (shard, sku, location, window_start)
);

-- How far the windows of a location are closed in a shard, and the calendar they were made with. Another grain or
-- zone makes them anew from the ledger; other opening hours hold from then on.
create table demand_watermark (
  shard int2 not null,
  location text not null,
  grain text not null,                    -- day | hour
  time_zone text not null,
  opens text,                             -- as the location has it; null: always
  hours int4multirange,                   -- the same as minutes of the week: see 0002_calendar.sql
  closed_to timestamptz,                  -- windows that end by then are closed
  signals_seen timestamptz not null default '-infinity',
  rebuild bool not null default false,    -- set it to have them made anew, with the present opening hours
  primary key (shard, location)
);

-- Since when a key is, or is not, out of stock: what the fold of minutes out of stock carries on with.
create table stock_out (
  sku text not null,
  location text not null,
  shard int2 not null,
  known_since timestamptz not null,       -- its first count, receipt or arrival
  since timestamptz not null,             -- its last movement
  is_out bool not null,                   -- from then on
  counted_to timestamptz not null,        -- up to then it is in the windows
  primary key (sku, location)
);
create index stock_out_place on stock_out (shard, location) where is_out;

-- Days from placing an order to its goods, learnt from the log: for each vendor, SKU and location, and for all
-- locations ('') together. The newest 50 order lines count; docs/SPEC.md section 14.
create table lead_time (
  sku text not null,
  vendor text not null,                   -- '': not known
  location text not null,                 -- '': all
  n int4 not null,                        -- order lines learnt from
  mean_days float8 not null,              -- what took longer than three medians counts as that
  sd_days float8,                         -- of the sample; null for one
  last_days float8 not null,
  last_at timestamptz not null,           -- when its goods came
  days float8[] not null,                 -- each line's, newest last
  updated_at timestamptz not null default now(),
  primary key (sku, vendor, location)
);
-- What lead times are learnt from: one row an order line, its days weighed by the units that came.
create table lead_time_line (
  sku text not null,
  location text not null,
  order_id text not null,
  line text not null,
  shard int2 not null,
  placed_at timestamptz,                  -- null while only receipts are known
  received int8 not null default 0,
  unit_days float8 not null default 0,    -- sum of units x days since 1970
  received_at timestamptz,                -- the last receipt
  primary key (sku, location, order_id, line)
);

-- What planning takes where nothing tells better; the stock role keeps it as its settings say.
create table planning (
  one bool primary key default true check (one),
  lead_time_days int4 not null
);

-- Master data.
create table item (
  sku text primary key,
  name text,
  category text,
  unit_cost int8,
  currency text,
  pack int8,
  shelf_life_days int4,
  attributes jsonb,
  updated_at timestamptz not null default now()
);

create table location (
  location text primary key,
  name text,
  kind text not null default 'store',     -- store | warehouse | web | marketplace
  time_zone text not null default 'UTC'    -- refused at once when Postgres does not know it
    check ((timestamp '2000-01-01' at time zone time_zone) is not null),
  opens text,                             -- opening hours: shared/opening_hours.ts; null: always open
  attributes jsonb,
  updated_at timestamptz not null default now()
);

-- Policies: what planners and merchants may set, and what the stock machine took. A setting holds for one SKU or one
-- category ('' = any), at one location ('' = any); of several that hold, the most specific wins, field by field.
create table policy_setting (
  category text not null default '',
  sku text not null default '',
  location text not null default '',
  mode text check (mode in ('observe', 'recommend', 'autopilot')),
  method text check (method in ('calibrated', 'fill', 'brief')),
  fill_rate float8,
  cover_days float8,
  stock_max int8,
  override jsonb,                         -- { reorderPoint, orderUpTo, reason, expiresAt }
  updated_at timestamptz not null default clock_timestamp(),
  primary key (category, sku, location),
  check (category = '' or sku = '')
);
create index policy_setting_updated on policy_setting (updated_at);
-- Every policy command the stock machine applied; a projection of the ledger. `version` is the machine's own.
create table policy (
  sku text not null,
  location text not null,
  version int8 not null,
  plan jsonb,                             -- null: this command left the plan as it was
  channels jsonb,
  backorder_limit int8,
  cause text not null,
  made_by text not null,                  -- channel of the command: planner, or whoever sent it
  ref text,
  made_at timestamptz not null,           -- log time
  position text not null,                 -- place in the log, as in levels
  primary key (sku, location, version)
);
create index stock_transaction_policy on stock_transaction (epoch, shard, seq) where type = 'policy';
-- Every forecast made, so that what came is compared with the forecast of that day. The same data and code make the
-- same forecast: a repeat is no new row.
create table forecast (
  sku text not null,
  location text not null,
  first_day date not null,                -- local day of the first step
  data_version text not null,             -- of the newest demand window it knew, and of the signals
  code_version int4 not null,
  made_at timestamptz not null default clock_timestamp(),
  method text not null,
  series_class text not null,
  mean float4[] not null,                 -- one for each day from first_day on
  low float4[] not null,                  -- 5%, 50% and 95% quantiles of each day
  middle float4[] not null,
  high float4[] not null,
  span_days int4 not null,                -- lead time and review whose demand is summed
  span_mean float8 not null,
  span_sd float8 not null,
  span_quantiles jsonb not null,
  backtest_error float8,
  notes jsonb,                            -- warnings, and what signals were found to do
  primary key (sku, location, first_day, data_version, code_version, span_days)
);
create index forecast_first_day on forecast (first_day);
-- What else moves demand: holidays, promotions, a market index. 0 is off.
create table signal (
  name text not null,                     -- holiday | promotion | …
  location text not null default '',      -- '': every location
  sku text not null default '',           -- '': every SKU
  day date not null,                      -- local
  value float8 not null,
  updated_at timestamptz not null default now(),
  primary key (name, location, sku, day)
);
create index signal_day on signal (day);
create index signal_updated on signal (updated_at);

-- Procurement (filled by the ERP gateway actors).
create table vendor (
  vendor text primary key,
  name text,
  gateway text,
  attributes jsonb,
  updated_at timestamptz not null default now()
);
create table vendor_catalog (
  vendor text not null references vendor,
  sku text not null,
  vendor_sku text,
  price int8,
  currency text,
  minimum int8 not null default 1,
  multiple int8 not null default 1,
  lead_time_days int4,
  attributes jsonb,
  updated_at timestamptz not null default now(),
  primary key (vendor, sku)
);
create table lane (
  source text not null,
  target text not null,
  cost int8 not null,
  currency text not null,
  lead_time_days int4 not null,
  primary key (source, target)
);
create table purchase_order (
  purchase_order text primary key,
  vendor text not null,
  status text not null,
  currency text,
  total int8,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create table purchase_order_line (
  purchase_order text not null references purchase_order,
  line text not null,
  need text not null,
  part int4 not null,
  sku text not null,
  location text not null,
  ordered int8 not null,
  price int8,
  primary key (purchase_order, line),
  unique (need, part)
);
create table purchase_order_event (
  purchase_order text not null references purchase_order,
  number int4 not null,
  event text not null,
  body jsonb,
  at timestamptz not null default now(),
  primary key (purchase_order, number)
);
create table erp_batch (
  batch text primary key,
  gateway text not null,
  status text not null,
  body jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create table alert (
  alert text primary key,
  kind text not null,
  sku text,
  location text,
  status text not null default 'open',    -- open | acknowledged | resolved
  text text not null,
  body jsonb,
  raised_at timestamptz not null,
  acknowledged_at timestamptz,
  resolved_at timestamptz
);
