-- A chain gets another name from an owner of the restaurant that asks.
create function rename_chain(actor uuid, wanted text) returns boolean
    language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    update chain c set name = wanted from chain_house own
    where own.restaurant_id = current_restaurant() and own.chain_id = c.id and c.name <> wanted
        and exists (select from membership m
            where m.user_id = actor and m.restaurant_id = current_restaurant() and m.role = 'owner');
    return found;
end $$;
revoke all on function rename_chain(uuid, text) from public;
grant execute on function rename_chain(uuid, text) to alloresto_app;
