-- Where a restaurant wants to be told what happens. Secrets are sealed with the restaurant's cipher; who looks at the
-- pages may set one and never read it.
create table webhook_endpoint (
    id uuid primary key default gen_random_uuid(),
    restaurant_id uuid not null references restaurant on delete cascade,
    url text not null check (length(url) between 8 and 500),
    description text not null default '' check (length(description) <= 80),
    types text[] not null default '{}' check (cardinality(types) <= 60), -- empty: every type
    personal boolean not null default false, -- whether callers' names and numbers are sent
    secret_encrypted bytea not null,
    old_secret_encrypted bytea, -- signs beside the new one until then
    old_secret_until timestamptz,
    created_by text not null,
    created_at timestamptz not null default now(),
    failing_since timestamptz, -- the first failure after the last success
    disabled_at timestamptz,
    disabled_because text not null default '' check (disabled_because in ('', 'owner', 'failing', 'gone')),
    unique (restaurant_id, id),
    check ((disabled_at is null) = (disabled_because = ''))
);
create index webhook_endpoint_by_restaurant on webhook_endpoint (restaurant_id, created_at, id);

-- What integrators are told, for the time that a delivery may take and a little more. What names a caller is apart,
-- and sealed.
create table integration_event (
    id bigint generated always as identity primary key,
    restaurant_id uuid not null default current_restaurant() references restaurant on delete cascade,
    event_id text not null,
    source text not null,
    type text not null,
    event jsonb not null, -- a CloudEvent in structured mode
    personal_encrypted bytea,
    at timestamptz not null default now(),
    unique (restaurant_id, id)
);
create index integration_event_by_time on integration_event (at);

create table webhook_delivery (
    id uuid primary key default gen_random_uuid(), -- the message's webhook-id
    restaurant_id uuid not null default current_restaurant(),
    endpoint_id uuid not null,
    integration_event_id bigint not null,
    state text not null default 'waiting' check (state in ('waiting', 'delivered', 'failed')),
    attempts integer not null default 0 check (attempts >= 0),
    next_at timestamptz not null default now(), -- also the lease of whoever sends it now
    last_at timestamptz,
    last_status smallint,
    last_error text not null default '' check (length(last_error) <= 200),
    last_ms integer,
    created_at timestamptz not null default now(),
    foreign key (restaurant_id, endpoint_id) references webhook_endpoint (restaurant_id, id) on delete cascade,
    foreign key (restaurant_id, integration_event_id) references integration_event (restaurant_id, id) on delete cascade
);
create index webhook_delivery_due on webhook_delivery (next_at) where state = 'waiting';
create index webhook_delivery_by_endpoint on webhook_delivery (restaurant_id, endpoint_id, created_at desc, id);
create index webhook_delivery_by_event on webhook_delivery (restaurant_id, integration_event_id);

do $$
declare
    name text;
begin
    foreach name in array array['webhook_endpoint', 'integration_event', 'webhook_delivery'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy platform on %I to alloresto_platform using (true) with check (true)', name);
        execute format(
            'create policy tenant on %I to alloresto_app'
            ' using (restaurant_id = current_restaurant()) with check (restaurant_id = current_restaurant())', name
        );
    end loop;
end $$;
create policy rotation on webhook_endpoint to current_user
    using (restaurant_id = current_restaurant()) with check (restaurant_id = current_restaurant());

grant select (id, restaurant_id, url, description, types, personal, old_secret_until, created_by, created_at,
    failing_since, disabled_at, disabled_because) on webhook_endpoint to alloresto_app;
grant insert (restaurant_id, url, description, types, personal, secret_encrypted, created_by)
    on webhook_endpoint to alloresto_app;
grant update (url, description, types, personal, failing_since, disabled_at, disabled_because)
    on webhook_endpoint to alloresto_app;
grant delete on webhook_endpoint to alloresto_app;
grant select on integration_event, webhook_delivery to alloresto_app;
grant insert (restaurant_id, event_id, source, type, event, personal_encrypted) on integration_event to alloresto_app;
grant insert (restaurant_id, endpoint_id, integration_event_id) on webhook_delivery to alloresto_app;
grant update (state, attempts, next_at) on webhook_delivery to alloresto_app; -- to be sent again
grant select, insert, update, delete on webhook_endpoint, integration_event, webhook_delivery to alloresto_platform;

-- The old secret is kept by one who can't read it.
create function rotate_webhook_secret(endpoint uuid, sealed bytea, keep interval) returns boolean
    language sql volatile security definer set search_path = pg_catalog, public, pg_temp
begin atomic
    update webhook_endpoint set old_secret_encrypted = secret_encrypted, old_secret_until = now() + keep,
        secret_encrypted = sealed
    where id = endpoint and restaurant_id = current_restaurant()
    returning true;
end;
grant execute on function rotate_webhook_secret(uuid, bytea, interval) to alloresto_app;
