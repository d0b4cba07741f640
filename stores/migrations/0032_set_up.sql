-- Somebody who is logged in sets up a restaurant of their own. The app role makes no restaurants and no memberships: this
-- is the one way, for one user at a time, as its owner, and never more than ten each.
create function set_up_restaurant(
    owner uuid, wanted_name text, wanted_language text, wanted_country text, wanted_currency text, wanted_zone text,
    wanted_street text, wanted_postcode text, wanted_city text
) returns uuid language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
    made uuid;
begin
    -- One at a time for each user, or two requests at once could both be the tenth.
    perform pg_advisory_xact_lock(724532, hashtext(owner::text));
    if not exists (select from app_user where id = owner and disabled_at is null) then
        raise exception 'no such user' using errcode = 'no_data_found';
    end if;
    if (select count(*) from membership where user_id = owner and role = 'owner') >= 10 then
        raise exception 'ten restaurants' using errcode = 'program_limit_exceeded';
    end if;
    insert into restaurant (id, name, language, country, currency, zone, street, postcode, city)
    values (
        gen_random_uuid(), wanted_name, wanted_language, wanted_country, wanted_currency, wanted_zone, wanted_street,
        wanted_postcode, wanted_city
    )
    returning id into made;
    insert into membership (restaurant_id, user_id, role) values (made, owner, 'owner');
    return made;
end $$;
grant execute on function set_up_restaurant(uuid, text, text, text, text, text, text, text, text) to alloresto_app;

-- It runs as the owner of the tables, who is bound by row-level security like everyone else.
create policy set_up on restaurant for insert to current_user with check (true);
create policy set_up on membership for insert to current_user with check (role = 'owner');
