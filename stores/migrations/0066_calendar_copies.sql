-- What a connected calendar says of the restaurant's time, as it was read last: asked in a call, it would keep a caller
-- waiting for somebody else's server. ``busy`` within ``known`` is not free; ``by_start``: no booking may begin in it.
-- ``next_at`` is when it is read again, and the lease of whoever reads it now; whoever knows that something has changed
-- there sets it to now.
create table calendar_copy (
    connection_id uuid primary key,
    restaurant_id uuid not null,
    next_at timestamptz not null default now(),
    read_at timestamptz, -- when the calendar was asked for what is here
    known tstzrange,
    busy tstzmultirange not null default '{}',
    by_start boolean not null default false,
    -- Readings that failed in a row, and why the last one did.
    failures integer not null default 0 check (failures >= 0),
    last_error text not null default '' check (length(last_error) <= 200),
    foreign key (restaurant_id, connection_id) references service_connection (restaurant_id, id) on delete cascade,
    check ((read_at is null) = (known is null))
);
create index calendar_copy_of_restaurant on calendar_copy (restaurant_id);
create index service_connection_calendars on service_connection (id) where service = 'calendar';

alter table calendar_copy enable row level security;
alter table calendar_copy force row level security;
create policy platform on calendar_copy to alloresto_platform using (true) with check (true);
create policy tenant on calendar_copy to alloresto_app
    using (restaurant_id = current_restaurant()) with check (restaurant_id = current_restaurant());
grant select, update (next_at, read_at, known, busy, by_start, failures, last_error) on calendar_copy to alloresto_app;
grant select, insert, update, delete on calendar_copy to alloresto_platform;
