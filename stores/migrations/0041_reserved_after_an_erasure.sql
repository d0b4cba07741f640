-- A guest who was forgotten and reserves anew within the day in which the wish is still being settled, without a call: the
-- new reservation keeps its number. Of the function only its end is another.
-- Everything that is known of those calls and orders, and of the number's earlier ones, in the restaurant of the wish.
create or replace function sweep_erasure(wanted uuid) returns void language plpgsql volatile security definer
    set search_path = pg_catalog, public, pg_temp
as $$
declare
    wish erasure;
    lost text[];
    named text[]; -- every id by which an event tells of them
begin
    select * into wish from erasure where id = wanted and done_at is null for update;
    if wish.id is null then
        return;
    end if;
    -- Whoever asks, from here on no other restaurant's rows can be meant.
    perform set_config('app.restaurant_id', wish.restaurant_id::text, true);
    lost := array(
        select unnest(wish.call_ids)
        union select c.id from call_log c where c.restaurant_id = wish.restaurant_id and c.caller_hash = wish.phone_hash
            and c.started_at <= wish.asked_at
    );
    update erasure set call_ids = lost, order_ids = array(
        select unnest(wish.order_ids)
        union select o.id from "order" o where o.restaurant_id = wish.restaurant_id and o.call_id = any (lost)
    ), reservation_ids = array(
        select unnest(wish.reservation_ids)
        union select r.id from reservation r where r.restaurant_id = wish.restaurant_id and r.call_id = any (lost)
    ) where id = wanted returning * into wish;
    named := lost || wish.order_ids::text[] || wish.reservation_ids::text[];

    update order_item i set note = '' from "order" o
    where o.restaurant_id = wish.restaurant_id and o.id = any (wish.order_ids)
        and i.order_id = o.id and i.confirmed_at = o.confirmed_at and i.note <> '';
    update order_key k set content_hash = null -- a hash of the name and the address too
    where k.restaurant_id = wish.restaurant_id and k.order_id = any (wish.order_ids) and k.content_hash is not null;
    update "order" set address_encrypted = null, customer_name_encrypted = null, customer_id = null,
        allergies_encrypted = null, cancel_note = '', forgotten_at = coalesce(forgotten_at, now())
    where restaurant_id = wish.restaurant_id and id = any (wish.order_ids);
    update reservation set name_encrypted = null, note = '', cancel_note = '', customer_id = null
    where restaurant_id = wish.restaurant_id and id = any (wish.reservation_ids)
        and (name_encrypted is not null or note <> '' or cancel_note <> '' or customer_id is not null);

    -- A call's file is named after it, and may be there although the row names none. Once: what is erased comes back
    -- only with a row that names it.
    insert into unwanted_recording (restaurant_id, call_id, bridge_node_id)
    select c.restaurant_id, c.id, c.bridge_node_id from call_log c
    where c.restaurant_id = wish.restaurant_id and c.id = any (lost)
        and (c.recording <> '' or c.caller_hash is not null or c.transcript <> '[]')
    on conflict do nothing;
    update call_log set caller_encrypted = null, caller_hash = null, transcript = '[]', recording = '',
        unconfirmed_encrypted = null
    where restaurant_id = wish.restaurant_id and id = any (lost)
        and (caller_hash is not null or transcript <> '[]' or recording <> '' or unconfirmed_encrypted is not null);
    delete from call_trace where restaurant_id = wish.restaurant_id and call_id = any (lost);

    -- What is being published at this moment is locked by the relay, and gone after it.
    update outbox set event = event || jsonb_build_object('data', without_personal_fields(event -> 'data'))
    where id in (
        select id from outbox where restaurant_id = wish.restaurant_id
            and array[event -> 'data' ->> 'callId', event -> 'data' ->> 'orderId', event -> 'data' ->> 'reservationId']
                && named
        for update skip locked
    );
    update integration_event set personal_encrypted = null
    where restaurant_id = wish.restaurant_id and personal_encrypted is not null
        and array[event -> 'data' ->> 'callId', event -> 'data' ->> 'orderId', event -> 'data' ->> 'reservationId']
            && named;
    update dead_letter d set reason = '', -- what the subscriber answered may repeat it
        body = coalesce(letter_without_personal_fields(body), ''::bytea),
        truncated = truncated or letter_without_personal_fields(body) is null
    where restaurant_id = wish.restaurant_id and exists (
        select from unnest(named) as one where position(convert_to(one, 'UTF8') in d.body) > 0
    );

    delete from customer c where c.restaurant_id = wish.restaurant_id and c.phone_hash = wish.phone_hash
        -- Who has called again since, or has reserved anew with the staff or an integrator, has begun anew.
        and not exists (select from call_log l where l.restaurant_id = wish.restaurant_id
            and l.caller_hash = wish.phone_hash and l.started_at > wish.asked_at)
        and not exists (select from reservation r where r.customer_id = c.id and r.id <> all (wish.reservation_ids))
        and not exists (select from waiting_party w where w.customer_id = c.id);
end $$;
