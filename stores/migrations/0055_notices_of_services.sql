-- Who sends a notice is known by the connection it names: whose that is, and what its signature is checked with. The
-- secrets are sealed; with the id alone nothing else can be found.
create function hook_of(wanted uuid) returns table (restaurant_id uuid, provider text, secrets_encrypted bytea)
    language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
    select c.restaurant_id, c.provider, c.secrets_encrypted from public.service_connection c
    where c.id = wanted and c.disabled_at is null
$$;
revoke execute on function hook_of(uuid) from public;
grant execute on function hook_of(uuid) to alloresto_app;

-- Notices come again: each has its effect once.
create table received_notice (
    restaurant_id uuid not null default current_restaurant(),
    connection_id uuid not null,
    message_id text not null check (length(message_id) between 1 and 200),
    at timestamptz not null default now(),
    primary key (connection_id, message_id),
    foreign key (restaurant_id, connection_id) references service_connection (restaurant_id, id) on delete cascade
);
alter table received_notice enable row level security;
alter table received_notice force row level security;
create policy platform on received_notice to alloresto_platform using (true) with check (true);
create policy tenant on received_notice to alloresto_app
    using (restaurant_id = current_restaurant()) with check (restaurant_id = current_restaurant());
grant select, insert on received_notice to alloresto_app;
grant select, insert, delete on received_notice to alloresto_platform;
