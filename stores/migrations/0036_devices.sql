-- Tablets and earpieces of a restaurant's staff. A device is paired with a code that a manager reads out, and holds a
-- token from then on, which opens the restaurant's device pages and nothing else. Of both only the SHA-256 is kept.
create table device (
    id uuid primary key default gen_random_uuid(),
    restaurant_id uuid not null references restaurant on delete cascade,
    name text not null check (length(name) between 1 and 60),
    code_hash bytea check (length(code_hash) = 32), -- null once it was used
    code_expires_at timestamptz,
    token_hash bytea unique check (length(token_hash) = 32), -- null until it is paired
    created_at timestamptz not null default now(),
    paired_at timestamptz,
    last_seen_at timestamptz,
    unique (restaurant_id, id)
);
create index device_by_restaurant on device (restaurant_id, created_at desc);

-- What was tapped on a device, by the id that the device gave it: a tap that is sent again is not done again.
create table device_action (
    restaurant_id uuid not null,
    device_id uuid not null,
    id uuid not null,
    order_id uuid not null,
    result text not null check (result in ('done', 'conflict', 'unknown')),
    at timestamptz not null default now(),
    primary key (device_id, id),
    foreign key (restaurant_id, device_id) references device (restaurant_id, id) on delete cascade
);
create index device_action_by_time on device_action (at); -- retention

do $$
declare
    name text;
begin
    foreach name in array array['device', 'device_action'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy platform on %I to alloresto_platform using (true) with check (true)', name);
        execute format(
            'create policy tenant on %I to alloresto_app'
            ' using (restaurant_id = current_restaurant()) with check (restaurant_id = current_restaurant())', name
        );
    end loop;
end $$;
-- Whether those who watch live pages still may, asked for all of them together and so without a restaurant. Who has a
-- device's token knows its restaurant; of the others nothing is told.
create policy watching on device for select to current_user using (true);
create function paired_devices(wanted bytea[]) returns table (token_hash bytea)
    language sql stable security definer set search_path = pg_catalog, public, pg_temp
begin atomic
    select d.token_hash from device d join restaurant r on r.id = d.restaurant_id
    where d.token_hash = any(wanted) and r.disabled_at is null;
end;
grant execute on function paired_devices(bytea[]) to alloresto_app;

grant select, delete on device, device_action to alloresto_platform;
grant select, insert, delete on device to alloresto_app;
grant update (code_hash, code_expires_at, token_hash, paired_at, last_seen_at) on device to alloresto_app;
grant select, insert on device_action to alloresto_app;
