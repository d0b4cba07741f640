-- What a table costs beforehand: of each guest, from a party's size on, and how long there is for it. 0: nothing.
alter table reservation_rules
    add column deposit_cents integer not null default 0 check (deposit_cents between 0 and 50000),
    add column deposit_from_covers integer not null default 1 check (deposit_from_covers between 1 and 100),
    add column deposit_minutes integer not null default 30 check (deposit_minutes between 10 and 1440);

-- A booking's deposit: one page at the payment service, and what became of it. A booking that is changed before it is
-- paid has another one; the last counts. Nothing in it is about a person. It outlives its connection.
create table deposit (
    id uuid primary key default gen_random_uuid(),
    number bigint generated always as identity,
    restaurant_id uuid not null references restaurant on delete cascade,
    reservation_id uuid not null references reservation on delete cascade,
    connection_id uuid not null,
    amount_cents integer not null check (amount_cents > 0),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    minutes integer not null check (minutes > 0),
    state text not null default 'awaited'
        check (state in ('awaited', 'closing', 'paid', 'lapsed', 'closed', 'waived', 'refund_due', 'refunded')),
    due_at timestamptz not null, -- when somebody looks at it again, while it is awaited or closing
    reference text not null default '' check (length(reference) <= 200), -- the service's own name for the page
    intent text not null default '' check (length(intent) <= 200), -- and for what was paid on it
    url text not null default '' check (length(url) <= 2000),
    created_at timestamptz not null default now(),
    changed_at timestamptz not null default now()
);
create index deposit_by_reservation on deposit (restaurant_id, reservation_id, number);
create index deposit_due on deposit (due_at) where state in ('awaited', 'closing');

alter table deposit enable row level security;
alter table deposit force row level security;
create policy platform on deposit to alloresto_platform using (true) with check (true);
create policy tenant on deposit to alloresto_app
    using (restaurant_id = current_restaurant()) with check (restaurant_id = current_restaurant());
grant select, insert, update on deposit to alloresto_app;
grant select, insert, update, delete on deposit to alloresto_platform;
