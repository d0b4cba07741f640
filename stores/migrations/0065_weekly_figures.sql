-- The same sums by week, kept for ever: a year is read from a seventh of the rows, and hours of long ago may go. A week
-- is told by its Monday. They follow the rows by hour, each statement by the difference that it makes.
create table order_week (
    restaurant_id uuid not null references restaurant on delete cascade,
    week date not null check (extract(isodow from week) = 1),
    hour smallint not null check (hour between 0 and 23),
    currency text not null,
    orders integer not null default 0,
    items integer not null default 0,
    total_cents bigint not null default 0,
    cancelled integer not null default 0,
    primary key (restaurant_id, week, hour, currency)
);
create table call_week (
    restaurant_id uuid not null references restaurant on delete cascade,
    week date not null check (extract(isodow from week) = 1),
    hour smallint not null check (hour between 0 and 23),
    calls integer not null default 0,
    missed integer not null default 0,
    ordered integer not null default 0,
    booked integer not null default 0,
    transferred integer not null default 0,
    messages integer not null default 0,
    duration_ms bigint not null default 0,
    cost_dollars numeric(14, 6) not null default 0,
    offered integer not null default 0,
    accepted integer not null default 0,
    primary key (restaurant_id, week, hour)
);

-- What is older than its retention goes from the rows by hour; weeks keep it.
create index order_figure_by_day on order_figure (day);
create index call_figure_by_day on call_figure (day);

-- What was there before. The owner is bound by row-level security like everyone else; without this it would find none.
alter table order_figure no force row level security;
alter table call_figure no force row level security;
insert into order_week
select restaurant_id, date_trunc('week', day)::date, hour, currency, sum(orders), sum(items), sum(total_cents),
    sum(cancelled)
from order_figure group by 1, 2, 3, 4;
insert into call_week
select restaurant_id, date_trunc('week', day)::date, hour, sum(calls), sum(missed), sum(ordered), sum(booked),
    sum(transferred), sum(messages), sum(duration_ms), sum(cost_dollars), sum(offered), sum(accepted)
from call_figure group by 1, 2, 3;
alter table order_figure force row level security;
alter table call_figure force row level security;

do $$
declare
    name text;
begin
    foreach name in array array['order_week', 'call_week'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy platform on %I to alloresto_platform using (true) with check (true)', name);
        execute format(
            'create policy tenant on %I to alloresto_app'
            ' using (restaurant_id = current_restaurant()) with check (restaurant_id = current_restaurant())', name
        );
    end loop;
end $$;
grant select, insert, update on order_week, call_week to alloresto_app;
grant select, insert, update, delete on order_week, call_week to alloresto_platform;

create function add_to_order_week() returns trigger language plpgsql as $$
begin
    insert into order_week as w (restaurant_id, week, hour, currency, orders, items, total_cents, cancelled)
    select n.restaurant_id, date_trunc('week', n.day)::date, n.hour, n.currency, sum(n.orders), sum(n.items),
        sum(n.total_cents), sum(n.cancelled)
    from new_rows n group by 1, 2, 3, 4 order by 1, 2, 3, 4 -- two statements that meet here take their locks in one order
    on conflict (restaurant_id, week, hour, currency) do update set orders = w.orders + excluded.orders,
        items = w.items + excluded.items, total_cents = w.total_cents + excluded.total_cents,
        cancelled = w.cancelled + excluded.cancelled;
    return null;
end $$;
create function change_order_week() returns trigger language plpgsql as $$
begin
    update order_week as w set orders = w.orders + d.orders, items = w.items + d.items,
        total_cents = w.total_cents + d.total_cents, cancelled = w.cancelled + d.cancelled
    from (
        select n.restaurant_id, date_trunc('week', n.day)::date as week, n.hour, n.currency,
            sum(n.orders - o.orders) as orders, sum(n.items - o.items) as items,
            sum(n.total_cents - o.total_cents) as total_cents, sum(n.cancelled - o.cancelled) as cancelled
        from new_rows n join old_rows o using (restaurant_id, day, hour, currency) group by 1, 2, 3, 4
    ) as d
    where (w.restaurant_id, w.week, w.hour, w.currency) = (d.restaurant_id, d.week, d.hour, d.currency);
    return null;
end $$;
create function add_to_call_week() returns trigger language plpgsql as $$
begin
    insert into call_week as w (restaurant_id, week, hour, calls, missed, ordered, booked, transferred, messages,
        duration_ms, cost_dollars, offered, accepted)
    select n.restaurant_id, date_trunc('week', n.day)::date, n.hour, sum(n.calls), sum(n.missed), sum(n.ordered),
        sum(n.booked), sum(n.transferred), sum(n.messages), sum(n.duration_ms), sum(n.cost_dollars), sum(n.offered),
        sum(n.accepted)
    from new_rows n group by 1, 2, 3 order by 1, 2, 3
    on conflict (restaurant_id, week, hour) do update set calls = w.calls + excluded.calls,
        missed = w.missed + excluded.missed, ordered = w.ordered + excluded.ordered,
        booked = w.booked + excluded.booked, transferred = w.transferred + excluded.transferred,
        messages = w.messages + excluded.messages, duration_ms = w.duration_ms + excluded.duration_ms,
        cost_dollars = w.cost_dollars + excluded.cost_dollars, offered = w.offered + excluded.offered,
        accepted = w.accepted + excluded.accepted;
    return null;
end $$;
create function change_call_week() returns trigger language plpgsql as $$
begin
    update call_week as w set calls = w.calls + d.calls, missed = w.missed + d.missed, ordered = w.ordered + d.ordered,
        booked = w.booked + d.booked, transferred = w.transferred + d.transferred, messages = w.messages + d.messages,
        duration_ms = w.duration_ms + d.duration_ms, cost_dollars = w.cost_dollars + d.cost_dollars,
        offered = w.offered + d.offered, accepted = w.accepted + d.accepted
    from (
        select n.restaurant_id, date_trunc('week', n.day)::date as week, n.hour, sum(n.calls - o.calls) as calls,
            sum(n.missed - o.missed) as missed, sum(n.ordered - o.ordered) as ordered,
            sum(n.booked - o.booked) as booked, sum(n.transferred - o.transferred) as transferred,
            sum(n.messages - o.messages) as messages, sum(n.duration_ms - o.duration_ms) as duration_ms,
            sum(n.cost_dollars - o.cost_dollars) as cost_dollars, sum(n.offered - o.offered) as offered,
            sum(n.accepted - o.accepted) as accepted
        from new_rows n join old_rows o using (restaurant_id, day, hour) group by 1, 2, 3
    ) as d
    where (w.restaurant_id, w.week, w.hour) = (d.restaurant_id, d.week, d.hour);
    return null;
end $$;
create trigger add_to_week after insert on order_figure referencing new table as new_rows
    for each statement execute function add_to_order_week();
create trigger change_week after update on order_figure referencing old table as old_rows new table as new_rows
    for each statement execute function change_order_week();
create trigger add_to_week after insert on call_figure referencing new table as new_rows
    for each statement execute function add_to_call_week();
create trigger change_week after update on call_figure referencing old table as old_rows new table as new_rows
    for each statement execute function change_call_week();
