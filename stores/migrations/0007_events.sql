-- Written in the transaction of what happened, published and deleted by the relay.
create table outbox (
    id bigint generated always as identity primary key,
    event_id text not null unique,
    restaurant_id uuid default current_restaurant() references restaurant on delete cascade,
    type text not null,
    event jsonb not null, -- the whole CloudEvent, structured mode
    attempts integer not null default 0,
    next_at timestamptz not null default now(),
    last_error text not null default '',
    created_at timestamptz not null default now()
);
create index outbox_due on outbox (next_at, id);
create index outbox_by_restaurant on outbox (restaurant_id);

create function outbox_notify() returns trigger language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_notify('outbox', '');
    return null;
end $$;
grant execute on function outbox_notify() to alloresto_app, alloresto_platform;
create trigger outbox_notify after insert on outbox for each statement execute function outbox_notify();

-- What a consumer has done, written in the transaction of its effect. Kept as long as an event may come again.
create table processed_event (
    consumer text not null,
    event_id text not null,
    restaurant_id uuid default current_restaurant() references restaurant on delete cascade,
    at timestamptz not null default now(),
    reply jsonb, -- what the consumer answered, so that a duplicate gets the same answer
    primary key (consumer, event_id)
);
create index processed_event_by_time on processed_event (at);
create index processed_event_by_restaurant on processed_event (restaurant_id);

create table dead_letter (
    id uuid primary key default gen_random_uuid(),
    restaurant_id uuid references restaurant on delete cascade,
    event_id text not null,
    type text not null,
    source text not null,
    event jsonb not null,
    subscriber text not null default '', -- who could not take it, as the Broker says
    reason text not null default '',
    received_at timestamptz not null default now(),
    replayed_at timestamptz,
    unique (event_id, subscriber)
);
create index dead_letter_by_time on dead_letter (received_at desc);
create index dead_letter_by_restaurant on dead_letter (restaurant_id, received_at desc);
