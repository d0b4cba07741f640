-- Who is logged in where. A session is a row: deleting it ends it at once, whatever cookies have been copied.
-- The cookie holds 32 random bytes, the row their SHA-256: what is read from a backup opens nothing.
create table user_session (
    token_hash bytea primary key check (length(token_hash) = 32),
    id uuid not null default gen_random_uuid() unique, -- what the list of one's own sessions names it by
    user_id uuid not null references app_user on delete cascade,
    created_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(), -- to the minute: see use_session
    expires_at timestamptz not null,
    address text not null default '' check (length(address) <= 45),
    device text not null default '' check (length(device) <= 300), -- its User-Agent
    -- The platform's own staff inside a restaurant that is not theirs; to look only while no reason is given.
    acting_in uuid references restaurant on delete set null,
    acting_reason text not null default '' check (length(acting_reason) <= 300),
    acting_until timestamptz,
    check ((acting_in is null) or (acting_until is not null))
);
create index user_session_by_user on user_session (user_id, created_at desc);

-- The user of this transaction, as current_restaurant() is its restaurant; null outside of one.
create function current_member() returns uuid
    language sql stable parallel safe
    return nullif(current_setting('app.user_id', true), '')::uuid;
grant execute on function current_member() to alloresto_app, alloresto_platform;

alter table user_session enable row level security;
alter table user_session force row level security;
create policy platform on user_session to alloresto_platform using (true) with check (true);
create policy member on user_session to alloresto_app
    using (user_id = current_member()) with check (user_id = current_member());
create policy login on user_session to current_user using (true) with check (true);
grant select, delete on user_session to alloresto_platform;
grant select (id, user_id, created_at, last_seen_at, expires_at, address, device, acting_in, acting_reason,
    acting_until) on user_session to alloresto_app;
grant insert (token_hash, user_id, expires_at, address, device) on user_session to alloresto_app;
grant update (acting_in, acting_reason, acting_until) on user_session to alloresto_app;
grant delete on user_session to alloresto_app;

-- A member changes their own name and password; a row of app_user is else the platform's.
create policy member on app_user for update to alloresto_app
    using (id = current_member()) with check (id = current_member());
create policy member_reads on app_user for select to alloresto_app using (id = current_member());
grant update (name, password_hash) on app_user to alloresto_app;

-- Everything a request must know of who sent it, in one query. Written to once a minute at most.
create function use_session(wanted_hash bytea, idle interval)
    returns table (
        session_id uuid, user_id uuid, email text, name text, is_platform boolean, memberships jsonb,
        acting_in uuid, acting_restaurant text, acting_reason text, acting_until timestamptz
    )
    language sql volatile security definer set search_path = pg_catalog, public, pg_temp
begin atomic
    update user_session s set last_seen_at = now()
    where s.token_hash = wanted_hash and s.last_seen_at < now() - interval '1 minute'
        and s.last_seen_at > now() - idle and s.expires_at > now();
    select s.id, u.id, u.email, u.name, u.is_platform,
        coalesce((
            select jsonb_agg(jsonb_build_array(r.id, r.name, m.role) order by r.name, r.id)
            from membership m join restaurant r on r.id = m.restaurant_id where m.user_id = u.id
        ), '[]'),
        a.id, a.name, s.acting_reason, s.acting_until
    from user_session s
    join app_user u on u.id = s.user_id
    left join restaurant a on a.id = s.acting_in and s.acting_until > now() and u.is_platform
    where s.token_hash = wanted_hash and u.disabled_at is null
        and s.expires_at > now() and s.last_seen_at > now() - idle;
end;

create function end_session(wanted_hash bytea) returns void
    language sql volatile security definer set search_path = pg_catalog, public, pg_temp
begin atomic
    delete from user_session where token_hash = wanted_hash;
end;
grant execute on function use_session(bytea, interval), end_session(bytea) to alloresto_app, alloresto_platform;

-- Whichever way a password changes or a user is disabled, what was logged in with the old one ends with it.
create function end_sessions_of_user() returns trigger
    language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
    delete from user_session where user_id = new.id;
    return null;
end $$;
create trigger end_sessions after update of password_hash, disabled_at on app_user
    for each row when (old.password_hash is distinct from new.password_hash or new.disabled_at is not null)
    execute function end_sessions_of_user();
