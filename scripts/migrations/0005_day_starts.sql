-- A local day begins when its date does. Where the clock goes back over midnight (the Azores, Cuba) midnight comes twice, and
-- `at time zone` tells the second one: the day lost its first hour to the day before. And days are counted without the session's
-- time zone: in one whose clock skips midnight (Chile, Egypt, Lebanon) a series of dates lost its last day.

-- An hour before a midnight that comes once it is 23:00; before the second one it is midnight for the first time.
create function day_start(day date, time_zone text) returns timestamptz
language sql stable as $$
  select (day::timestamp at time zone time_zone) - greatest(interval '0',
    (((day::timestamp at time zone time_zone) - interval '1 hour') at time zone time_zone)
      - (day::timestamp - interval '1 hour'))
$$;

create or replace function window_start(grain text, time_zone text, at timestamptz) returns timestamptz
language sql stable as $$
  select case grain when 'hour' then date_trunc('hour', at, time_zone)
    else day_start((at at time zone time_zone)::date, time_zone) end
$$;

create or replace function windows_between(grain text, time_zone text, from_at timestamptz, to_at timestamptz)
returns table (window_start timestamptz, window_end timestamptz, local_day date)
language sql stable rows 2 as $$
  select n, n + interval '1 hour', (n at time zone time_zone)::date
  from generate_series(date_trunc('hour', from_at, time_zone), to_at, interval '1 hour') n
  where grain = 'hour' and n < to_at
  union all
  select s.start, s.finish, d.day
  from generate_series(date_trunc('day', from_at at time zone time_zone), to_at at time zone time_zone,
      interval '1 day') as n,
    lateral (select n::date as day) d,
    lateral (select day_start(d.day, time_zone) as start, day_start(d.day + 1, time_zone) as finish) s
  where grain = 'day' and s.start < s.finish and s.start < to_at
$$;

create or replace function open_ms(hours int4multirange, time_zone text, day date, holiday bool,
  from_at timestamptz, to_at timestamptz) returns int8
language sql stable as $$
  select case when hours is null
    then greatest(0, extract(epoch from to_at - from_at) * 1000)::int8
    else coalesce((
      select sum(greatest(0, extract(epoch from
        least(to_at, (day + make_interval(mins => upper(open) - base)) at time zone time_zone)
        - greatest(from_at, case when lower(open) = base then day_start(day, time_zone)
          else (day + make_interval(mins => lower(open) - base)) at time zone time_zone end))) * 1000)
      from (select case when holiday and hours @> 11520 then 10080
          else (extract(isodow from day)::int - 1) * 1440 end as base) b,
        unnest(hours * int4multirange(int4range(base, base + 1440))) open), 0)::int8
  end
$$;

create or replace function location_days(at_location text, from_day date, to_day date)
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
    day_start(from_day, c.time_zone), day_start(to_day + 1, c.time_zone)) w
$$;

-- Locations that have windows of such days get theirs made anew.
update demand_watermark m set rebuild = true
where grain = 'day' and exists (
  select from demand_window w where w.shard = m.shard and w.location = m.location
    and (w.window_start <> day_start(w.local_day, m.time_zone) or w.window_end <> day_start(w.local_day + 1, m.time_zone)));
