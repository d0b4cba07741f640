-- What opens the API without a person: 32 random bytes, of which the SHA-256 is kept. prefix is the token's beginning,
-- by which people tell one from another.
create table api_token (
    id uuid primary key default gen_random_uuid(),
    restaurant_id uuid references restaurant on delete cascade, -- null: the platform's own, for every restaurant
    name text not null check (length(name) between 1 and 80),
    prefix text not null check (length(prefix) = 8),
    secret_hash bytea not null unique check (octet_length(secret_hash) = 32),
    scopes text[] not null check (cardinality(scopes) between 1 and 40),
    created_by text not null check (created_by <> ''), -- an e-mail address
    created_at timestamptz not null default now(),
    expires_at timestamptz, -- null: until it is revoked
    last_used_at timestamptz, -- to the minute
    revoked_at timestamptz
);
create index api_token_by_restaurant on api_token (restaurant_id, created_at desc);

alter table api_token enable row level security;
alter table api_token force row level security;
create policy platform on api_token to alloresto_platform using (true) with check (true);
create policy tenant on api_token to alloresto_app
    using (restaurant_id = current_restaurant()) with check (restaurant_id = current_restaurant());
create policy login on api_token to current_user using (true) with check (true);
grant select (id, restaurant_id, name, prefix, scopes, created_by, created_at, expires_at, last_used_at, revoked_at)
    on api_token to alloresto_app;
grant insert (restaurant_id, name, prefix, secret_hash, scopes, created_by, expires_at) on api_token to alloresto_app;
grant update (revoked_at) on api_token to alloresto_app;
grant select, insert, update, delete on api_token to alloresto_platform;

-- A request says which token it has before anybody knows whose that is.
create function use_api_token(wanted_hash bytea)
    returns table (id uuid, restaurant_id uuid, name text, prefix text, scopes text[])
    language sql volatile security definer set search_path = pg_catalog, public, pg_temp
begin atomic
    update api_token t set last_used_at = now()
    where t.secret_hash = wanted_hash and t.revoked_at is null and (t.expires_at is null or t.expires_at > now())
        and (t.last_used_at is null or t.last_used_at < now() - interval '1 minute');
    select t.id, t.restaurant_id, t.name, t.prefix, t.scopes
    from api_token t
    where t.secret_hash = wanted_hash and t.revoked_at is null and (t.expires_at is null or t.expires_at > now());
end;
grant execute on function use_api_token(bytea) to alloresto_app, alloresto_platform;

-- What was answered under an Idempotency-Key, written in the transaction of the effect. The answer is sealed: it may
-- hold a guest's name. Rows of no restaurant are under the zero id; they go after a day, with or without one.
create table idempotency_key (
    restaurant_id uuid not null,
    client_id uuid not null, -- a token or a user
    key text not null check (length(key) between 1 and 255),
    fingerprint bytea not null check (octet_length(fingerprint) = 32), -- of method, path and body
    status smallint,
    location text not null default '',
    answer_encrypted bytea,
    created_at timestamptz not null default now(),
    primary key (restaurant_id, client_id, key)
);
create index idempotency_key_by_time on idempotency_key (created_at);

alter table idempotency_key enable row level security;
alter table idempotency_key force row level security;
create policy platform on idempotency_key to alloresto_platform using (true) with check (true);
create policy tenant on idempotency_key to alloresto_app
    using (restaurant_id = current_restaurant()) with check (restaurant_id = current_restaurant());
grant select, insert, update, delete on idempotency_key to alloresto_app, alloresto_platform;
