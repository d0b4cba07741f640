-- A customer wants to be forgotten. The restaurant's staff change nothing of an order or a call that was; this is the one
-- way, of one customer of their own restaurant. What was sold, when and for how much stays, as accounts must.
create function erase_customer(wanted uuid) returns boolean
    language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
    number_hash bytea;
begin
    select phone_hash into number_hash from customer
    where id = wanted and restaurant_id = current_restaurant() for update;
    if number_hash is null then
        return false;
    end if;
    update order_item i set note = '' from "order" o
    where o.restaurant_id = current_restaurant() and o.customer_id = wanted
        and i.order_id = o.id and i.confirmed_at = o.confirmed_at and i.note <> '';
    update order_key k set content_hash = null from "order" o -- a hash of the name and the address too
    where o.restaurant_id = current_restaurant() and o.customer_id = wanted and k.order_id = o.id;
    update call_log c set caller_encrypted = null, caller_hash = null, transcript = '[]', unconfirmed_encrypted = null
    where c.restaurant_id = current_restaurant() and (c.caller_hash = number_hash or c.id in (
        select o.call_id from "order" o where o.restaurant_id = current_restaurant() and o.customer_id = wanted));
    update "order" set address_encrypted = null, customer_name_encrypted = null, customer_id = null,
        allergies_encrypted = null, cancel_note = '', forgotten_at = coalesce(forgotten_at, now())
    where restaurant_id = current_restaurant() and customer_id = wanted;
    update reservation set name_encrypted = null, note = '', customer_id = null
    where restaurant_id = current_restaurant() and customer_id = wanted;
    delete from customer where id = wanted and restaurant_id = current_restaurant();
    return true;
end $$;
grant execute on function erase_customer(uuid) to alloresto_app;

-- It runs as the owner of the tables, who is bound by row-level security like everyone else.
do $$
declare
    name text;
begin
    foreach name in array array['customer', 'order', 'order_item', 'order_key', 'call_log', 'reservation'] loop
        execute format(
            'create policy erasing on %I to current_user'
            ' using (restaurant_id = current_restaurant()) with check (restaurant_id = current_restaurant())', name
        );
    end loop;
end $$;
