-- Somebody has lost both the app and the recovery codes. An owner takes the second step off a member, so that the
-- password alone opens the account, and only where nothing but this restaurant is behind it: whoever belongs to another
-- restaurant, owns this one or is the platform's staff is the platform's to help.
create function members_with_second_step() returns table (user_id uuid)
    language sql stable security definer set search_path = pg_catalog, public, pg_temp
begin atomic
    select f.user_id from second_factor f join membership m on m.user_id = f.user_id
    where m.restaurant_id = current_restaurant() and f.confirmed_at is not null;
end;

create function reset_second_step(member uuid) returns text
    language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
    own text;
begin
    select role into own from membership where restaurant_id = current_restaurant() and user_id = member for update;
    if own is null then
        return 'stranger';
    end if;
    if own = 'owner' or exists (select from app_user where id = member and is_platform)
        or exists (select from membership where user_id = member and restaurant_id <> current_restaurant()) then
        return 'platform';
    end if;
    delete from recovery_code where user_id = member;
    delete from second_factor where user_id = member and confirmed_at is not null;
    return case when found then 'done' else 'off' end;
end $$;
grant execute on function members_with_second_step(), reset_second_step(uuid) to alloresto_app;

-- They run as the owner of the tables, who is bound by row-level security like everyone else.
create policy resetting on second_factor to current_user using (true);
create policy resetting on recovery_code to current_user using (true);

-- A restaurant that is disabled has no members, and its tokens open nothing.
create or replace function use_api_token(wanted_hash bytea)
    returns table (id uuid, restaurant_id uuid, name text, prefix text, scopes text[])
    language sql volatile security definer set search_path = pg_catalog, public, pg_temp
begin atomic
    update api_token t set last_used_at = now()
    where t.secret_hash = wanted_hash and t.revoked_at is null and (t.expires_at is null or t.expires_at > now())
        and (t.last_used_at is null or t.last_used_at < now() - interval '1 minute');
    select t.id, t.restaurant_id, t.name, t.prefix, t.scopes
    from api_token t left join restaurant r on r.id = t.restaurant_id
    where t.secret_hash = wanted_hash and t.revoked_at is null and (t.expires_at is null or t.expires_at > now())
        and r.disabled_at is null;
end;
