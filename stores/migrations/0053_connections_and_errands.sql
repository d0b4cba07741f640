-- What a restaurant has connected: its till, its printers, who sends its messages. Secrets are sealed with the
-- restaurant's cipher; who looks at the pages may set one and never read it.
create table service_connection (
    id uuid primary key default gen_random_uuid(),
    restaurant_id uuid not null references restaurant on delete cascade,
    service text not null check (service in ('till', 'printer', 'messages', 'payments', 'calendar', 'crm')),
    provider text not null check (provider ~ '^[a-z0-9_]{2,40}$'),
    name text not null default '' check (length(name) <= 80),
    settings jsonb not null default '{}',
    secrets_encrypted bytea,
    created_by text not null,
    created_at timestamptz not null default now(),
    disabled_at timestamptz,
    -- A breaker: failures in a row, since when, and until when nothing is tried.
    failures integer not null default 0 check (failures >= 0),
    failing_since timestamptz,
    open_until timestamptz,
    last_error text not null default '' check (length(last_error) <= 200),
    unique (restaurant_id, id)
);
create index service_connection_by_restaurant on service_connection (restaurant_id, service, created_at, id);
-- Two tills would have two tickets of one order; printers stand at several stations.
create unique index service_connection_of_one_kind on service_connection (restaurant_id, service)
    where service <> 'printer' and disabled_at is null;

-- One thing that one outside service must be told, once.
create table errand (
    id uuid primary key default gen_random_uuid(),
    number bigint generated always as identity, -- those about one subject go to a connection in this order
    restaurant_id uuid not null default current_restaurant(),
    connection_id uuid not null,
    kind text not null check (length(kind) between 3 and 60),
    subject text not null check (length(subject) between 1 and 128),
    key text not null check (length(key) between 1 and 200),
    work_encrypted bytea, -- none once it is forgotten
    state text not null default 'waiting' check (state in ('waiting', 'done', 'refused', 'failed')),
    attempts integer not null default 0 check (attempts >= 0),
    next_at timestamptz not null default now(), -- also the lease of whoever is at it now
    give_up_at timestamptz not null,
    last_at timestamptz,
    last_error text not null default '' check (length(last_error) <= 200),
    reference text not null default '' check (length(reference) <= 200), -- the service's own name for what it got
    created_at timestamptz not null default now(),
    settled_at timestamptz,
    unique (restaurant_id, connection_id, key),
    foreign key (restaurant_id, connection_id) references service_connection (restaurant_id, id) on delete cascade,
    check ((state = 'waiting') = (settled_at is null))
);
create index errand_due on errand (next_at) where state = 'waiting';
create index errand_in_order on errand (connection_id, subject, number) where state = 'waiting';
create index errand_by_connection on errand (restaurant_id, connection_id, created_at desc, id);
create index errand_by_subject on errand (restaurant_id, subject);
create index errand_with_work on errand (settled_at) where work_encrypted is not null;

do $$
declare
    name text;
begin
    foreach name in array array['service_connection', 'errand'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy platform on %I to alloresto_platform using (true) with check (true)', name);
        execute format(
            'create policy tenant on %I to alloresto_app'
            ' using (restaurant_id = current_restaurant()) with check (restaurant_id = current_restaurant())', name
        );
    end loop;
end $$;

grant select (id, restaurant_id, service, provider, name, settings, created_by, created_at, disabled_at, failures,
    failing_since, open_until, last_error) on service_connection to alloresto_app;
grant insert (restaurant_id, service, provider, name, settings, secrets_encrypted, created_by)
    on service_connection to alloresto_app;
grant update (name, settings, secrets_encrypted, disabled_at, failures, failing_since, open_until, last_error)
    on service_connection to alloresto_app;
grant delete on service_connection to alloresto_app;
grant select (id, number, restaurant_id, connection_id, kind, subject, key, state, attempts, next_at, give_up_at,
    last_at, last_error, reference, created_at, settled_at) on errand to alloresto_app;
grant insert (restaurant_id, connection_id, kind, subject, key, work_encrypted, give_up_at) on errand to alloresto_app;
grant update (work_encrypted, state, attempts, next_at, give_up_at, last_error, reference, settled_at)
    on errand to alloresto_app;
grant select, insert, update, delete on service_connection, errand to alloresto_platform;
