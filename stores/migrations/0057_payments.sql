-- An order's payment by link: one page at the payment service, and what became of it. Nothing in it is about a person.
-- It outlives its connection: what was paid stays paid.
create table payment (
    id uuid primary key default gen_random_uuid(),
    restaurant_id uuid not null references restaurant on delete cascade,
    order_id uuid not null,
    connection_id uuid not null,
    reference text not null default '' check (length(reference) <= 200), -- the service's own name for the page
    intent text not null default '' check (length(intent) <= 200), -- and for what was paid on it
    amount_cents integer not null check (amount_cents > 0),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    state text not null default 'requested' check (state in ('requested', 'expired', 'paid', 'refund_due', 'refunded')),
    url text not null default '' check (length(url) <= 2000),
    refund_asked_at timestamptz,
    created_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    unique (restaurant_id, order_id)
);
alter table payment enable row level security;
alter table payment force row level security;
create policy platform on payment to alloresto_platform using (true) with check (true);
create policy tenant on payment to alloresto_app
    using (restaurant_id = current_restaurant()) with check (restaurant_id = current_restaurant());
grant select, insert, update on payment to alloresto_app;
grant select, insert, update, delete on payment to alloresto_platform;

-- What the board shows of it; "" until there is a page.
alter table "order" add column payment_state text not null default ''
    check (payment_state in ('', 'requested', 'expired', 'paid', 'refund_due', 'refunded'));
grant update (payment_state) on "order" to alloresto_app;
