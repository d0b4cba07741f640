-- A customer who asked to be forgotten: what is known of them lies in more places than their rows, and some of it is
-- still on its way at that moment. So the wish is kept, with what it takes to find those places again, until a day has
-- passed and every file is gone; then it says only that it was done.
create table erasure (
    id uuid primary key default gen_random_uuid(),
    restaurant_id uuid not null references restaurant on delete cascade,
    asked_at timestamptz not null default now(),
    asked_by text not null check (asked_by <> ''),
    phone_hash bytea check (octet_length(phone_hash) = 32), -- null once it is done
    call_ids text[] not null default '{}',
    order_ids uuid[] not null default '{}',
    reservation_ids uuid[] not null default '{}',
    done_at timestamptz,
    check ((done_at is null) = (phone_hash is not null))
);
create index erasure_by_restaurant on erasure (restaurant_id, asked_at desc, id);
create index erasure_open on erasure (asked_at) where done_at is null;
create index erasure_by_end on erasure (done_at) where done_at is not null; -- retention

-- Recordings that are to go. The bridges erase them, as nobody else may write where they lie, and take the row away.
-- No reference: a restaurant's files go also when the restaurant has.
create table unwanted_recording (
    restaurant_id uuid not null,
    call_id text not null,
    bridge_node_id text not null default '', -- who recorded it; on a volume of its own, or on one that all share
    since timestamptz not null default now(),
    primary key (restaurant_id, call_id)
);
create index unwanted_recording_by_node on unwanted_recording (bridge_node_id, since);

do $$
declare
    name text;
begin
    foreach name in array array['erasure', 'unwanted_recording'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy platform on %I to alloresto_platform using (true) with check (true)', name);
        execute format(
            'create policy tenant on %I for select to alloresto_app using (restaurant_id = current_restaurant())', name
        );
        -- The functions below run as the owner of the tables, who is bound like everyone else.
        execute format('create policy erasing on %I to current_user using (true) with check (true)', name);
    end loop;
    foreach name in array array['call_trace', 'outbox', 'dead_letter', 'integration_event'] loop
        execute format(
            'create policy erasing on %I to current_user'
            ' using (restaurant_id = current_restaurant()) with check (restaurant_id = current_restaurant())', name
        );
    end loop;
end $$;
grant select (id, restaurant_id, asked_at, asked_by, call_ids, order_ids, reservation_ids, done_at) on erasure to alloresto_app;
grant select on unwanted_recording to alloresto_app;
grant select, delete on erasure to alloresto_platform;
grant select, insert, delete on unwanted_recording to alloresto_platform;

-- The fields of an event's data that tell of a caller, by their names in JSON.
create function personal_event_fields() returns text[] language sql immutable parallel safe
    return array['caller', 'customerName', 'target', 'recording'];

create function without_personal_fields(data jsonb) returns jsonb language sql immutable parallel safe
begin atomic
    select jsonb_object_agg(key, case when key = any (personal_event_fields()) then '""' else value end)
    from jsonb_each(data);
end;

-- A letter is what came, and not always an event: its body without what is personal, or null where that can't be read.
create function letter_without_personal_fields(body bytea) returns bytea language plpgsql immutable parallel safe
as $$
declare
    document jsonb;
begin
    document := convert_from(body, 'UTF8')::jsonb;
    if jsonb_typeof(document) <> 'object' then
        return null;
    elsif jsonb_typeof(document -> 'data') = 'object' then -- structured mode
        document := document || jsonb_build_object('data', without_personal_fields(document -> 'data'));
    else
        document := without_personal_fields(document);
    end if;
    return convert_to(document::text, 'UTF8');
exception when others then -- no UTF-8, no JSON, cut off
    return null;
end $$;

-- Everything that is known of those calls and orders, and of the number's earlier ones, in the restaurant of the wish.
create function sweep_erasure(wanted uuid) returns void language plpgsql volatile security definer
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

drop function erase_customer(uuid);
-- The restaurant's staff change nothing of an order or a call that was; this is the one way, of one customer of their own
-- restaurant. What was sold, when and for how much stays, as accounts must.
create function erase_customer(wanted uuid, by_whom text) returns uuid
    language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
    number_hash bytea;
    made uuid;
begin
    select phone_hash into number_hash from customer
    where id = wanted and restaurant_id = current_restaurant() for update;
    if number_hash is null then
        return null;
    end if;
    insert into erasure (restaurant_id, asked_by, phone_hash, call_ids, order_ids, reservation_ids)
    values (
        current_restaurant(), by_whom, number_hash,
        array(
            select o.call_id from "order" o where o.restaurant_id = current_restaurant() and o.customer_id = wanted
            union select r.call_id from reservation r where r.restaurant_id = current_restaurant()
                and r.customer_id = wanted and r.call_id is not null
        ),
        array(select o.id from "order" o where o.restaurant_id = current_restaurant() and o.customer_id = wanted),
        array(select r.id from reservation r where r.restaurant_id = current_restaurant() and r.customer_id = wanted)
    )
    returning id into made;
    delete from waiting_party where restaurant_id = current_restaurant() and customer_id = wanted;
    perform sweep_erasure(made);
    delete from customer where id = wanted and restaurant_id = current_restaurant();
    return made;
end $$;

-- A wish that is old enough for all that was under way to have come, and whose files are gone, is swept and done.
create function settle_erasure(wanted uuid, settles interval) returns boolean
    language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp
as $$
begin
    perform sweep_erasure(wanted);
    update erasure e set done_at = now(), phone_hash = null, call_ids = '{}', order_ids = '{}',
        reservation_ids = '{}'
    where e.id = wanted and e.done_at is null and e.asked_at < now() - settles and not exists (
        select from unwanted_recording u where u.restaurant_id = e.restaurant_id and u.call_id = any (e.call_ids)
    );
    return found;
end $$;
grant execute on function erase_customer(uuid, text) to alloresto_app;
grant execute on function settle_erasure(uuid, interval), personal_event_fields() to alloresto_platform;

-- What retention looks for by age.
create index user_session_by_end on user_session (expires_at);
create index invitation_by_end on invitation (expires_at);
create index api_token_by_end on api_token (coalesce(revoked_at, expires_at));
create index audit_log_by_time on audit_log (at);
create index ticket_counter_by_day on ticket_counter (day);

-- Which tools the model used in a call and how often, {"add_item": {"done": 2, "refused": 1}}; and whether it offered one
-- thing more, and the caller took it.
alter table call_log
    add column tools jsonb not null default '{}' check (jsonb_typeof(tools) = 'object'),
    add column upsell text not null default '' check (upsell in ('', 'offered', 'accepted'));
alter table call_figure
    add column offered integer not null default 0,
    add column accepted integer not null default 0;

create or replace function add_calls(sums call_figure[]) returns void language sql as $$
    insert into call_figure as f (restaurant_id, day, hour, calls, missed, ordered, booked, transferred, messages,
        duration_ms, cost_dollars, offered, accepted)
    select s.restaurant_id, s.day, s.hour, sum(s.calls), sum(s.missed), sum(s.ordered), sum(s.booked),
        sum(s.transferred), sum(s.messages), sum(s.duration_ms), sum(s.cost_dollars), sum(s.offered), sum(s.accepted)
    from unnest(sums) as s
    group by s.restaurant_id, s.day, s.hour
    having (sum(s.calls), sum(s.missed), sum(s.ordered), sum(s.booked), sum(s.transferred), sum(s.messages),
        sum(s.duration_ms), sum(s.cost_dollars), sum(s.offered), sum(s.accepted))
        is distinct from (0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    order by s.restaurant_id, s.day, s.hour -- two statements that meet here take their locks in one order
    on conflict (restaurant_id, day, hour) do update set
        calls = f.calls + excluded.calls, missed = f.missed + excluded.missed, ordered = f.ordered + excluded.ordered,
        booked = f.booked + excluded.booked, transferred = f.transferred + excluded.transferred,
        messages = f.messages + excluded.messages, duration_ms = f.duration_ms + excluded.duration_ms,
        cost_dollars = f.cost_dollars + excluded.cost_dollars, offered = f.offered + excluded.offered,
        accepted = f.accepted + excluded.accepted
$$;

drop function counts_of_call(integer, text, uuid, timestamptz, text, text, uuid, integer, numeric);
create function counts_of_call(
    sign integer, zone text, restaurant_id uuid, started_at timestamptz, outcome text, missed_reason text,
    order_id uuid, duration_ms integer, cost_dollars numeric, upsell text
) returns call_figure language sql stable as $$
    select row(
        restaurant_id,
        (started_at at time zone zone)::date,
        extract(hour from started_at at time zone zone)::smallint,
        sign,
        sign * (missed_reason <> '' or outcome in ('abandoned', 'busy', 'failed', 'lost'))::integer,
        sign * (order_id is not null)::integer,
        sign * (outcome = 'reservation_made')::integer,
        sign * (outcome = 'transferred')::integer,
        sign * (outcome = 'message_taken')::integer,
        sign * coalesce(duration_ms, 0)::bigint,
        sign * cost_dollars,
        sign * (upsell <> '')::integer,
        sign * (upsell = 'accepted')::integer
    )::call_figure where outcome <> 'in_progress'
$$;
grant execute on function
    counts_of_call(integer, text, uuid, timestamptz, text, text, uuid, integer, numeric, text)
to alloresto_app, alloresto_platform;

create or replace function count_new_calls() returns trigger language plpgsql as $$
begin
    perform add_calls(array(
        select counts_of_call(1, r.zone, c.restaurant_id, c.started_at, c.outcome, c.missed_reason, c.order_id,
            c.duration_ms, c.cost_dollars, c.upsell)
        from new_rows c join restaurant r on r.id = c.restaurant_id where c.outcome <> 'in_progress'
    ));
    return null;
end $$;
create or replace function count_changed_calls() returns trigger language plpgsql as $$
begin
    perform add_calls(array(
        select counts_of_call(1, r.zone, c.restaurant_id, c.started_at, c.outcome, c.missed_reason, c.order_id,
            c.duration_ms, c.cost_dollars, c.upsell)
        from new_rows c join restaurant r on r.id = c.restaurant_id where c.outcome <> 'in_progress'
        union all
        select counts_of_call(-1, r.zone, c.restaurant_id, c.started_at, c.outcome, c.missed_reason, c.order_id,
            c.duration_ms, c.cost_dollars, c.upsell)
        from old_rows c join restaurant r on r.id = c.restaurant_id where c.outcome <> 'in_progress'
    ));
    return null;
end $$;

-- A photo belongs to the menu's versions as every field does: an item names its content, and what no item names any more
-- stays for a while, so that an earlier version can be put back with it.
alter table menu_item add column photo text not null default '' check (photo ~ '^([0-9a-f]{32})?$');
alter table menu_item no force row level security;
alter table menu_photo no force row level security;
update menu_item i set photo = p.digest from menu_photo p where p.restaurant_id = i.restaurant_id and p.item_id = i.id;
delete from menu_photo p using menu_photo same
where p.restaurant_id = same.restaurant_id and p.digest = same.digest and p.item_id > same.item_id;
alter table menu_item force row level security;
alter table menu_photo force row level security;
alter table menu_photo
    drop constraint menu_photo_pkey,
    drop column item_id,
    add column unused_since timestamptz, -- null while an item names it
    add primary key (restaurant_id, digest),
    add foreign key (restaurant_id) references restaurant on delete cascade;
create index menu_photo_unused on menu_photo (unused_since) where unused_since is not null; -- retention
