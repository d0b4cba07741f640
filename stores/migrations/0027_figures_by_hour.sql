-- What a restaurant's figures are drawn from: sums by local day and hour, so that a month is a few hundred rows and not
-- a scan of the calls. An hour that the clocks repeat is one hour.
create table order_figure (
    restaurant_id uuid not null references restaurant on delete cascade,
    day date not null,
    hour smallint not null check (hour between 0 and 23),
    currency text not null,
    orders integer not null default 0,
    items integer not null default 0,
    total_cents bigint not null default 0,
    cancelled integer not null default 0,
    primary key (restaurant_id, day, hour, currency)
);
create table call_figure (
    restaurant_id uuid not null references restaurant on delete cascade,
    day date not null,
    hour smallint not null check (hour between 0 and 23),
    calls integer not null default 0,
    missed integer not null default 0,
    ordered integer not null default 0,
    booked integer not null default 0,
    transferred integer not null default 0,
    messages integer not null default 0,
    duration_ms bigint not null default 0,
    cost_dollars numeric(14, 6) not null default 0,
    primary key (restaurant_id, day, hour)
);
do $$
declare
    name text;
begin
    foreach name in array array['order_figure', 'call_figure'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy platform on %I to alloresto_platform using (true) with check (true)', name);
        execute format(
            'create policy tenant on %I to alloresto_app'
            ' using (restaurant_id = current_restaurant()) with check (restaurant_id = current_restaurant())', name
        );
    end loop;
end $$;
grant select, insert, update on order_figure, call_figure to alloresto_app;
grant select, insert, update, delete on order_figure, call_figure to alloresto_platform;

-- A call's row has several writers, in any order, and its outcome may change after its end. So the sums follow the row
-- itself: each statement takes out what its rows counted for before it, and adds what they count for after it.
create function add_calls(sums call_figure[]) returns void language sql as $$
    insert into call_figure as f
        (restaurant_id, day, hour, calls, missed, ordered, booked, transferred, messages, duration_ms, cost_dollars)
    select s.restaurant_id, s.day, s.hour, sum(s.calls), sum(s.missed), sum(s.ordered), sum(s.booked),
        sum(s.transferred), sum(s.messages), sum(s.duration_ms), sum(s.cost_dollars)
    from unnest(sums) as s
    group by s.restaurant_id, s.day, s.hour
    having (sum(s.calls), sum(s.missed), sum(s.ordered), sum(s.booked), sum(s.transferred), sum(s.messages),
        sum(s.duration_ms), sum(s.cost_dollars)) is distinct from (0, 0, 0, 0, 0, 0, 0, 0)
    order by s.restaurant_id, s.day, s.hour -- two statements that meet here take their locks in one order
    on conflict (restaurant_id, day, hour) do update set
        calls = f.calls + excluded.calls, missed = f.missed + excluded.missed, ordered = f.ordered + excluded.ordered,
        booked = f.booked + excluded.booked, transferred = f.transferred + excluded.transferred,
        messages = f.messages + excluded.messages, duration_ms = f.duration_ms + excluded.duration_ms,
        cost_dollars = f.cost_dollars + excluded.cost_dollars
$$;

-- What one call counts for; nothing while it goes on.
create function counts_of_call(
    sign integer, zone text, restaurant_id uuid, started_at timestamptz, outcome text, missed_reason text,
    order_id uuid, duration_ms integer, cost_dollars numeric
) returns call_figure language sql stable as $$
    select row(
        restaurant_id,
        (started_at at time zone zone)::date,
        extract(hour from started_at at time zone zone)::smallint,
        sign,
        sign * (missed_reason <> '' or outcome in ('abandoned', 'busy', 'failed', 'lost'))::integer,
        sign * (order_id is not null)::integer,
        sign * (outcome = 'reservation_made')::integer,
        sign * (outcome = 'transferred')::integer,
        sign * (outcome = 'message_taken')::integer,
        sign * coalesce(duration_ms, 0)::bigint,
        sign * cost_dollars
    )::call_figure where outcome <> 'in_progress'
$$;

grant execute on function
    add_calls(call_figure[]),
    counts_of_call(integer, text, uuid, timestamptz, text, text, uuid, integer, numeric)
to alloresto_app, alloresto_platform;

create function count_new_calls() returns trigger language plpgsql as $$
begin
    perform add_calls(array(
        select counts_of_call(1, r.zone, c.restaurant_id, c.started_at, c.outcome, c.missed_reason, c.order_id,
            c.duration_ms, c.cost_dollars)
        from new_rows c join restaurant r on r.id = c.restaurant_id where c.outcome <> 'in_progress'
    ));
    return null;
end $$;
create function count_changed_calls() returns trigger language plpgsql as $$
begin
    perform add_calls(array(
        select counts_of_call(1, r.zone, c.restaurant_id, c.started_at, c.outcome, c.missed_reason, c.order_id,
            c.duration_ms, c.cost_dollars)
        from new_rows c join restaurant r on r.id = c.restaurant_id where c.outcome <> 'in_progress'
        union all
        select counts_of_call(-1, r.zone, c.restaurant_id, c.started_at, c.outcome, c.missed_reason, c.order_id,
            c.duration_ms, c.cost_dollars)
        from old_rows c join restaurant r on r.id = c.restaurant_id where c.outcome <> 'in_progress'
    ));
    return null;
end $$;
create trigger count_new_calls after insert on call_log referencing new table as new_rows
    for each statement execute function count_new_calls();
create trigger count_changed_calls after update on call_log
    referencing old table as old_rows new table as new_rows
    for each statement execute function count_changed_calls();

-- What was there before. The owner is bound by row-level security like everyone else; without this it would find none.
alter table restaurant no force row level security;
alter table call_log no force row level security;
alter table order_log no force row level security;
alter table call_figure no force row level security;
alter table order_figure no force row level security;
insert into call_figure
select restaurant_id, day, hour, count(*), count(*) filter (where missed), count(order_id),
    count(*) filter (where outcome = 'reservation_made'), count(*) filter (where outcome = 'transferred'),
    count(*) filter (where outcome = 'message_taken'), coalesce(sum(duration_ms), 0), sum(cost_dollars)
from (
    select c.*, (c.started_at at time zone r.zone)::date as day,
        extract(hour from c.started_at at time zone r.zone)::smallint as hour,
        c.missed_reason <> '' or c.outcome in ('abandoned', 'busy', 'failed', 'lost') as missed
    from call_log c join restaurant r on r.id = c.restaurant_id where c.outcome <> 'in_progress'
) as ended
group by restaurant_id, day, hour;
insert into order_figure
select o.restaurant_id, (o.confirmed_at at time zone r.zone)::date,
    extract(hour from o.confirmed_at at time zone r.zone)::smallint, o.currency, count(*), sum(o.items),
    sum(o.total_cents)
from order_log o join restaurant r on r.id = o.restaurant_id
group by 1, 2, 3, 4;
alter table restaurant force row level security;
alter table call_log force row level security;
alter table order_log force row level security;
alter table call_figure force row level security;
alter table order_figure force row level security;
