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
