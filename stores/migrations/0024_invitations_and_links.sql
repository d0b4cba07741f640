-- Links by e-mail: an invitation into a restaurant, a new password, a new account. The link holds 32 random bytes, the
-- row their SHA-256; using a link deletes its row, so it opens once.
create table invitation (
    restaurant_id uuid not null references restaurant on delete cascade,
    email text not null check (email = lower(email) and email like '%_@_%' and length(email) <= 254),
    role text not null check (role in ('owner', 'manager', 'staff')),
    token_hash bytea not null unique check (length(token_hash) = 32),
    invited_by text not null, -- an e-mail address
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    primary key (restaurant_id, email)
);

create table account_link (
    token_hash bytea primary key check (length(token_hash) = 32),
    purpose text not null check (purpose in ('reset', 'sign_up')),
    email text not null check (email = lower(email) and email like '%_@_%' and length(email) <= 254),
    name text not null default '' check (length(name) <= 80),
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
);
create index account_link_by_email on account_link (email);
create index account_link_by_end on account_link (expires_at);

alter table invitation enable row level security;
alter table invitation force row level security;
create policy platform on invitation to alloresto_platform using (true) with check (true);
create policy tenant on invitation to alloresto_app
    using (restaurant_id = current_restaurant()) with check (restaurant_id = current_restaurant());
create policy login on invitation for select to current_user using (true);
grant select, insert, update, delete on invitation to alloresto_app, alloresto_platform;

-- Nobody lists these: the functions below answer whoever has a link.
alter table account_link enable row level security;
alter table account_link force row level security;
create policy login on account_link to current_user using (true) with check (true);

create policy login_writes on app_user to current_user using (true) with check (true);

-- A restaurant's owners say who belongs to it; that one owner stays is for stores.team to see to.
grant insert (restaurant_id, user_id, role), update (role), delete on membership to alloresto_app;

create function keep_account_link(hash bytea, wanted_purpose text, wanted_email text, wanted_name text, good_for interval)
    returns void
    language sql volatile security definer set search_path = pg_catalog, public, pg_temp
begin atomic
    delete from account_link where expires_at < now();
    insert into account_link (token_hash, purpose, email, name, expires_at)
    values (hash, wanted_purpose, lower(wanted_email), wanted_name, now() + good_for);
end;

create function account_link_of(hash bytea, wanted_purpose text) returns table (email text, name text)
    language sql stable security definer set search_path = pg_catalog, public, pg_temp
begin atomic
    select l.email, l.name from account_link l
    where l.token_hash = hash and l.purpose = wanted_purpose and l.expires_at > now();
end;

-- Every other link for a new password of this account goes with the one that was used.
create function reset_password_by_link(hash bytea, new_password_hash text) returns table (id uuid, email text)
    language sql volatile security definer set search_path = pg_catalog, public, pg_temp
begin atomic
    with used as (
        delete from account_link l where l.token_hash = hash and l.purpose = 'reset' and l.expires_at > now()
        returning l.email
    ), others as (
        delete from account_link l using used
        where l.email = used.email and l.purpose = 'reset' and l.token_hash <> hash
    )
    update app_user u set password_hash = new_password_hash from used
    where u.email = used.email and u.disabled_at is null
    returning u.id, u.email;
end;

-- Nothing for an address that has an account by now.
create function sign_up_by_link(hash bytea, new_name text, new_password_hash text) returns table (id uuid, email text)
    language sql volatile security definer set search_path = pg_catalog, public, pg_temp
begin atomic
    with used as (
        delete from account_link l where l.token_hash = hash and l.purpose = 'sign_up' and l.expires_at > now()
        returning l.email
    )
    insert into app_user (email, name, password_hash) select used.email, new_name, new_password_hash from used
    on conflict do nothing
    returning app_user.id, app_user.email;
end;

create function invitation_of(hash bytea)
    returns table (
        restaurant_id uuid, restaurant_name text, email text, role text, invited_by text, has_account boolean
    )
    language sql stable security definer set search_path = pg_catalog, public, pg_temp
begin atomic
    select r.id, r.name, i.email, i.role, i.invited_by, exists (select from app_user u where u.email = i.email)
    from invitation i join restaurant r on r.id = i.restaurant_id
    where i.token_hash = hash and i.expires_at > now();
end;

-- Whoever has the link has the mailbox, so the address needs no second mail. The invitation itself stays to be accepted.
create function sign_up_by_invitation(hash bytea, new_name text, new_password_hash text)
    returns table (id uuid, email text)
    language sql volatile security definer set search_path = pg_catalog, public, pg_temp
begin atomic
    insert into app_user (email, name, password_hash)
    select i.email, new_name, new_password_hash from invitation i
    where i.token_hash = hash and i.expires_at > now()
    on conflict do nothing
    returning app_user.id, app_user.email;
end;

grant execute on function
    keep_account_link(bytea, text, text, text, interval), account_link_of(bytea, text),
    reset_password_by_link(bytea, text), sign_up_by_link(bytea, text, text),
    invitation_of(bytea), sign_up_by_invitation(bytea, text, text)
to alloresto_app;
