-- What a month's messages have cost. What was sent is counted under currency ''; a price is added when its service tells
-- it, in that service's own currency ("credits" are no money). It outlives the messages, and its connection.
create table message_cost (
    restaurant_id uuid not null default current_restaurant() references restaurant on delete cascade,
    month date not null check (extract(day from month) = 1),
    provider text not null check (provider ~ '^[a-z0-9_]{2,40}$'),
    currency text not null check (currency = '' or currency = 'credits' or currency ~ '^[A-Z]{3}$'),
    messages integer not null default 0 check (messages >= 0),
    parts integer not null default 0 check (parts >= 0),
    micros bigint not null default 0 check (micros >= 0), -- millionths of the currency
    primary key (restaurant_id, month, provider, currency)
);
alter table message_cost enable row level security;
alter table message_cost force row level security;
create policy platform on message_cost to alloresto_platform using (true) with check (true);
create policy tenant on message_cost to alloresto_app
    using (restaurant_id = current_restaurant()) with check (restaurant_id = current_restaurant());
grant select, insert, update on message_cost to alloresto_app, alloresto_platform;

-- A price is asked for some time after its message.
grant insert (next_at) on errand to alloresto_app;

-- Since when a connection has the secrets that it has: those that are old should be changed.
alter table service_connection add column secrets_at timestamptz;
alter table service_connection no force row level security;
update service_connection set secrets_at = created_at where secrets_encrypted is not null;
alter table service_connection force row level security;
create function note_secrets_at() returns trigger language plpgsql as $$
begin
    new.secrets_at := case when new.secrets_encrypted is not null then now() end;
    return new;
end $$;
-- Only what the pages write is an entry: a rotation of MASTER_KEY, by another role, seals the same secrets anew.
create trigger note_secrets_at before insert on service_connection for each row execute function note_secrets_at();
create trigger note_new_secrets_at before update of secrets_encrypted on service_connection
    for each row when (current_user = 'alloresto_app') execute function note_secrets_at();
grant select (secrets_at) on service_connection to alloresto_app;
