-- Every row of a restaurant is forced under row-level security, for the owner too. Grants name what each role
-- does in the product and nothing more. Partitions get no grant: they are reached through their parent only.
do $$
declare
    name text;
begin
    foreach name in array array[
        'restaurant', 'opening_hours', 'opening_exception', 'delivery_zone', 'faq', 'dining_room', 'dining_table',
        'external_load', 'menu_category', 'menu_item', 'item_size', 'modifier_group', 'modifier_option',
        'menu_item_modifier_group', 'phone_line', 'sip_bridge_node', 'sip_registration', 'ai_worker_node', 'customer',
        'order', 'order_item', 'order_key', 'ticket_counter', 'reservation', 'call_log', 'order_log', 'daily_figure',
        'app_user', 'membership', 'outbox', 'processed_event', 'dead_letter'
    ] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy platform on %I to alloresto_platform using (true) with check (true)', name);
        continue when name in ('restaurant', 'sip_bridge_node', 'ai_worker_node', 'app_user');
        execute format(
            'create policy tenant on %I to alloresto_app'
            ' using (restaurant_id = current_restaurant()) with check (restaurant_id = current_restaurant())', name
        );
    end loop;
end $$;

create policy tenant on restaurant to alloresto_app
    using (id = current_restaurant()) with check (id = current_restaurant());
create policy tenant on app_user for select to alloresto_app
    using (exists (select from membership m where m.user_id = app_user.id and m.restaurant_id = current_restaurant()));
-- The two log-in functions run as the owner, who is bound like everyone else.
create policy login on app_user for select to current_user using (true);
create policy login on membership for select to current_user using (true);
create policy login on restaurant for select to current_user using (true);

grant select, insert, update, delete on
    opening_hours, opening_exception, delivery_zone, faq, dining_room, dining_table, external_load,
    menu_category, menu_item, item_size, modifier_group, modifier_option, menu_item_modifier_group
to alloresto_app, alloresto_platform;

grant select on restaurant to alloresto_app;
grant update (
    name, language, currency, zone, street, postcode, city, phone, greeting, voice, pickup, delivery, dine_in,
    prep_minutes, record_calls, fallback, fallback_number
) on restaurant to alloresto_app; -- max_calls is the platform's
grant select, insert, update, delete on restaurant to alloresto_platform;

-- A restaurant's staff may set a line's SIP password and never read it, not even encrypted.
grant select (id, restaurant_id, number, provider, sip_domain, sip_username, is_active, created_at)
    on phone_line to alloresto_app;
grant insert, update (number, provider, sip_domain, sip_username, sip_password, is_active)
    on phone_line to alloresto_app;
grant select on sip_registration to alloresto_app;
grant select, insert, update, delete on phone_line, sip_bridge_node, sip_registration, ai_worker_node
    to alloresto_platform;

grant select, insert, update on customer, ticket_counter, reservation, call_log, daily_figure to alloresto_app;
grant select, insert on "order", order_item, order_key, order_log to alloresto_app;
grant update (status) on "order" to alloresto_app; -- what was sold, and for how much, stays as confirmed
grant select, insert, update, delete on
    customer, "order", order_item, order_key, ticket_counter, reservation, call_log, order_log, daily_figure
to alloresto_platform;

grant select (id, email, name, created_at) on app_user to alloresto_app;
grant select on membership to alloresto_app;
grant select, insert, update, delete on app_user, membership to alloresto_platform;

grant insert (event_id, restaurant_id, type, event) on outbox to alloresto_app;
grant select, insert, update (reply) on processed_event to alloresto_app;
grant select on dead_letter to alloresto_app;
grant select, insert, update, delete on outbox, processed_event, dead_letter to alloresto_platform;
