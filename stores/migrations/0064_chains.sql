-- Restaurants of one owner that answer for one another. Each stays a tenant of its own: a chain lets a call to one of
-- them be asked which house it is for, or be carried on for a sister. ``asks``: callers of the house's lines are asked;
-- ``serves``: they may choose it. ``position`` is the order in which sisters are offered.
create table chain (
    id uuid primary key default gen_random_uuid(),
    name text not null check (length(name) between 1 and 80),
    made_at timestamptz not null default now()
);
create table chain_house (
    restaurant_id uuid primary key references restaurant on delete cascade,
    chain_id uuid not null references chain on delete cascade,
    called text not null check (length(called) between 1 and 60),
    position smallint not null default 0,
    asks boolean not null default false,
    serves boolean not null default true,
    offers_closed boolean not null default false,
    offers_full boolean not null default false,
    offers_outside boolean not null default false,
    joined_by text not null default '',
    joined_at timestamptz not null default now()
);
create unique index chain_house_by_name on chain_house (chain_id, lower(called));

alter table chain enable row level security;
alter table chain force row level security;
alter table chain_house enable row level security;
alter table chain_house force row level security;
create policy platform on chain to alloresto_platform using (true) with check (true);
create policy platform on chain_house to alloresto_platform using (true) with check (true);
create policy tenant on chain to alloresto_app using (
    exists (select from chain_house h where h.chain_id = chain.id and h.restaurant_id = current_restaurant())
);
create policy tenant on chain_house to alloresto_app
    using (restaurant_id = current_restaurant()) with check (restaurant_id = current_restaurant());
grant select on chain to alloresto_app;
grant select, delete on chain_house to alloresto_app;
grant update (called, asks, serves, offers_closed, offers_full, offers_outside) on chain_house to alloresto_app;
grant select, insert, update, delete on chain, chain_house to alloresto_platform;

-- A chain that everybody has left is nobody's.
create function drop_empty_chain() returns trigger language plpgsql security definer
    set search_path = pg_catalog, public, pg_temp as $$
begin
    delete from chain c where c.id = old.chain_id
        and not exists (select from chain_house h where h.chain_id = c.id);
    return null;
end $$;
create trigger chain_house_left after delete on chain_house for each row execute function drop_empty_chain();

-- What the callers of a house may be told of its sisters, and nothing else: name, place, hours, where they deliver.
-- Asked for the own restaurant alone, but for the platform.
create function chain_houses(wanted uuid)
    returns table (
        chain_id uuid, chain_name text, restaurant_id uuid, called text, house_position smallint,
        asks boolean, serves boolean, offers_closed boolean, offers_full boolean, offers_outside boolean,
        language text, currency text, country text, zone text, street text, postcode text, city text,
        pickup boolean, delivery boolean, dine_in boolean, week jsonb, exceptions jsonb, zones jsonb
    )
    language sql stable security definer set search_path = pg_catalog, public, pg_temp
begin atomic
    select c.id, c.name, r.id, h.called, h.position, h.asks, h.serves, h.offers_closed, h.offers_full,
        h.offers_outside, r.language, r.currency, r.country, r.zone, r.street, r.postcode, r.city,
        r.pickup, r.delivery, r.dine_in,
        (select coalesce(jsonb_agg(jsonb_build_array(o.weekday, o.opens, o.closes) order by o.weekday, o.opens), '[]')
            from opening_hours o where o.restaurant_id = r.id),
        (select coalesce(jsonb_agg(jsonb_build_array(e.day, e.spans) order by e.day), '[]')
            from opening_exception e where e.restaurant_id = r.id),
        (select coalesce(jsonb_agg(jsonb_build_array(z.name, z.postcodes) order by z.position, z.name), '[]')
            from delivery_zone z where z.restaurant_id = r.id)
    from chain_house own
    join chain c on c.id = own.chain_id
    join chain_house h on h.chain_id = c.id
    join restaurant r on r.id = h.restaurant_id
    where own.restaurant_id = wanted and r.disabled_at is null
        and (wanted = current_restaurant() or pg_has_role(session_user, 'alloresto_platform', 'usage'))
    order by h.position, h.called;
end;

-- Who may bring a restaurant into a chain: an account that owns both. ``refused`` says why not, "" when it is done.
create function join_chain(actor uuid, actor_email text, joining uuid, called text, new_name text)
    returns text language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    home uuid := current_restaurant();
    wanted uuid;
begin
    if (select count(*) from membership m where m.user_id = actor and m.role = 'owner'
            and m.restaurant_id in (home, joining)) <> (case when home = joining then 1 else 2 end) then
        return 'not_owner';
    end if;
    perform pg_advisory_xact_lock(hashtext('join_chain'));
    if exists (select from chain_house h where h.restaurant_id = joining) then
        return 'in_a_chain';
    end if;
    select h.chain_id into wanted from chain_house h where h.restaurant_id = home;
    if wanted is null then
        if home <> joining then
            return 'no_chain';
        end if;
        insert into chain (name) values (new_name) returning id into wanted;
    end if;
    if (select count(*) from chain_house h where h.chain_id = wanted) >= 20 then
        return 'too_many';
    end if;
    if exists (select from chain_house h where h.chain_id = wanted and lower(h.called) = lower(join_chain.called)) then
        return 'same_name';
    end if;
    insert into chain_house (restaurant_id, chain_id, called, position, joined_by) values (joining, wanted,
        join_chain.called, (select coalesce(max(h.position) + 1, 0) from chain_house h where h.chain_id = wanted),
        actor_email);
    return '';
end $$;

-- An owner takes out a house that is theirs, from a sister's page; whoever owns a house may always leave by themselves.
create function remove_from_chain(actor uuid, leaving uuid) returns boolean
    language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    delete from chain_house h using chain_house own
        where h.restaurant_id = leaving and own.restaurant_id = current_restaurant() and own.chain_id = h.chain_id
        and exists (select from membership m where m.user_id = actor and m.restaurant_id = leaving and m.role = 'owner');
    return found;
end $$;

-- The order in which sisters are offered is the chain's: an owner of the present house sets it.
create function order_chain(actor uuid, houses uuid[]) returns void
    language sql volatile security definer set search_path = pg_catalog, public, pg_temp
begin atomic
    update chain_house h set position = array_position(houses, h.restaurant_id)
        from chain_house own
        where own.restaurant_id = current_restaurant() and own.chain_id = h.chain_id
        and h.restaurant_id = any (houses)
        and exists (select from membership m
            where m.user_id = actor and m.restaurant_id = current_restaurant() and m.role = 'owner');
end;

revoke all on function chain_houses(uuid), join_chain(uuid, text, uuid, text, text), remove_from_chain(uuid, uuid),
    order_chain(uuid, uuid[]) from public;
grant execute on function chain_houses(uuid) to alloresto_app, alloresto_platform;
grant execute on function join_chain(uuid, text, uuid, text, text), remove_from_chain(uuid, uuid),
    order_chain(uuid, uuid[]) to alloresto_app;

-- In which house a call went on, where that is not the one that was called, and why.
alter table call_log
    add column went_to uuid,
    add column went_to_name text not null default '',
    add column went_because text not null default '';
