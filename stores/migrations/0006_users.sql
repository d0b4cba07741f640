create table app_user (
    id uuid primary key default gen_random_uuid(),
    email text not null check (email = lower(email) and email like '%_@_%' and length(email) <= 254),
    name text not null default '',
    password_hash text not null, -- argon2id
    is_platform boolean not null default false,
    disabled_at timestamptz,
    created_at timestamptz not null default now(),
    unique (email)
);

create table membership (
    restaurant_id uuid not null references restaurant on delete cascade,
    user_id uuid not null references app_user on delete cascade,
    role text not null check (role in ('owner', 'manager', 'staff')),
    created_at timestamptz not null default now(),
    primary key (restaurant_id, user_id)
);
create index membership_by_user on membership (user_id);

-- A log-in comes before a restaurant is known. These two answer one question each, for one address or user.
create function login_user(wanted_email text)
    returns table (id uuid, email text, name text, password_hash text, is_platform boolean)
    language sql stable security definer set search_path = pg_catalog, public, pg_temp
begin atomic
    select u.id, u.email, u.name, u.password_hash, u.is_platform
    from app_user u where u.email = lower(wanted_email) and u.disabled_at is null;
end;

create function memberships_of(wanted_user uuid)
    returns table (restaurant_id uuid, restaurant_name text, role text)
    language sql stable security definer set search_path = pg_catalog, public, pg_temp
begin atomic
    select r.id, r.name, m.role
    from membership m join restaurant r on r.id = m.restaurant_id
    where m.user_id = wanted_user order by r.name, r.id;
end;

grant execute on function login_user(text), memberships_of(uuid) to alloresto_app, alloresto_platform;
