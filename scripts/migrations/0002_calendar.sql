-- The calendar of demand windows: which window a time is in, how long a location was open, which signals were in
-- force. docs/SPEC.md section 13 has the rules.
--
-- `hours` are minutes of the week as shared/opening_hours.ts writes them; null: always open.

-- Start of the window of `grain` (day | hour) that `at` is in.
create function window_start(grain text, time_zone text, at timestamptz) returns timestamptz
language sql stable as $$
  select case grain when 'hour' then date_trunc('hour', at, time_zone)
    else ((at at time zone time_zone)::date)::timestamp at time zone time_zone end
$$;

-- The windows that share time with [from_at, to_at). A day is as long as it is: 23 or 25 hours when the clock
-- changes.
create function windows_between(grain text, time_zone text, from_at timestamptz, to_at timestamptz)
returns table (window_start timestamptz, window_end timestamptz, local_day date)
language sql stable rows 2 as $$
  select n, n + interval '1 hour', (n at time zone time_zone)::date
  from generate_series(date_trunc('hour', from_at, time_zone), to_at, interval '1 hour') n
  where grain = 'hour' and n < to_at
  union all
  select s.start, s.finish, d.day
  from generate_series((from_at at time zone time_zone)::date, (to_at at time zone time_zone)::date, interval '1 day')
      as n,
    lateral (select n::date as day) d,
    lateral (select d.day::timestamp at time zone time_zone as start,
      (d.day + 1)::timestamp at time zone time_zone as finish) s
  where grain = 'day' and s.start < s.finish and s.start < to_at
$$;

-- Whether a day is a public holiday at a location.
create function is_holiday(at_location text, on_day date) returns bool
language sql stable as $$
  select coalesce((select value <> 0 from signal
    where day = on_day and name = 'holiday' and sku = '' and location in ('', at_location)
    order by location desc limit 1), false)
$$;

-- Milliseconds of [from_at, to_at) a location was open by the hours of a local day.
create function open_ms(hours int4multirange, time_zone text, day date, holiday bool,
  from_at timestamptz, to_at timestamptz) returns int8
language sql stable as $$
  select case when hours is null
    then greatest(0, extract(epoch from to_at - from_at) * 1000)::int8
    else coalesce((
      select sum(greatest(0, extract(epoch from
        least(to_at, (day + make_interval(mins => upper(open) - base)) at time zone time_zone)
        - greatest(from_at, (day + make_interval(mins => lower(open) - base)) at time zone time_zone))) * 1000)
      from (select case when holiday and hours @> 11520 then 10080
          else (extract(isodow from day)::int - 1) * 1440 end as base) b,
        unnest(hours * int4multirange(int4range(base, base + 1440))) open), 0)::int8
  end
$$;

-- Signals in force for a key on a day, by name: the closest to the key speaks; 0 is off.
create function signals_on(at_location text, of_sku text, on_day date) returns jsonb
language sql stable as $$
  select coalesce(jsonb_object_agg(name, value), '{}') from (
    select distinct on (name) name, value from signal
    where day = on_day and location in ('', at_location) and sku in ('', of_sku)
    order by name, sku desc, location desc) closest
  where value <> 0
$$;

-- The local days of a location and how long it was open: 0 is closed. So a day without a demand window is either
-- closed (missing) or open (nothing was asked for). Tells also days to come.
create function location_days(at_location text, from_day date, to_day date)
returns table (local_day date, window_start timestamptz, window_end timestamptz, minutes_open int4)
language sql stable as $$
  select w.local_day, w.window_start, w.window_end,
    (open_ms(c.hours, c.time_zone, w.local_day,
      case when c.hours @> 11520 then is_holiday(at_location, w.local_day) end,
      w.window_start, w.window_end) / 60000)::int4
  from (
    select coalesce(m.time_zone, l.time_zone, 'UTC') as time_zone, m.hours
    from (select 1) one
    left join location l on l.location = at_location
    left join lateral (select * from demand_watermark
      where location = at_location order by shard limit 1) m on true
  ) c
  cross join lateral windows_between('day', c.time_zone,
    from_day::timestamp at time zone c.time_zone, (to_day + 1)::timestamp at time zone c.time_zone) w
$$;

-- What plain SQL asks: units sold of a SKU on each day it could be bought (0 when none were), and its lead time. From its
-- first day to the last that is over at its locations; days on which all of them were closed are not there.
-- Lead time: learnt from receipts, else the shortest a catalog promises, else the setting.
create view stock_transaction_logs as
with place as (
  -- Locations that open alike share a calendar.
  select distinct on (location) location, (closed_to at time zone time_zone)::date - 1 as last_day,
    concat_ws('|', time_zone, hours, case when hours @> 11520 then location end) as calendar
  from demand_watermark where closed_to is not null order by location, closed_to
),
key as (
  select w.sku, p.calendar, min(p.location) as location, min(w.local_day) as first_day, max(p.last_day) as last_day
  from demand_window w join place p on p.location = w.location
  where w.closed group by w.sku, p.calendar
),
open_day as (
  select c.calendar, d.local_day
  from (select calendar, min(location) as location, min(first_day) as first_day, max(last_day) as last_day
    from key group by calendar) c
  cross join lateral location_days(c.location, c.first_day, c.last_day) d
  where d.minutes_open > 0
),
sold as (
  select w.sku, w.local_day, greatest(0, sum(w.demand))::int8 as units
  from demand_window w join place p on p.location = w.location
  where w.closed and w.local_day <= p.last_day group by w.sku, w.local_day
),
listed as (
  select k.sku, o.local_day from key k join open_day o on o.calendar = k.calendar
    and o.local_day between k.first_day and k.last_day
  union
  select sku, local_day from sold where units > 0
),
learnt as (
  select sku, sum(n * mean_days) / sum(n) as days from lead_time where location = '' group by sku
),
promised as (
  select sku, min(lead_time_days) as days from vendor_catalog group by sku
)
select l.sku as sku_id,
  coalesce(s.units, 0) as quantity_sold_daily,
  round(coalesce(t.days, p.days, (select lead_time_days from planning), 7)::numeric, 2) as supplier_lead_time_days,
  l.local_day as day
from listed l
left join sold s on s.sku = l.sku and s.local_day = l.local_day
left join learnt t on t.sku = l.sku
left join promised p on p.sku = l.sku;
