-- Who moved an order last, why one was cancelled, and what its guest can't eat. The words of a cancellation are
-- forgotten with the order's other words (retention); an allergy is health data, and encrypted as names are.
alter table "order"
    add column status_changed_at timestamptz,
    add column status_by text not null default '', -- a user's e-mail address, or the name of a token
    add column cancel_reason text not null default ''
        check (cancel_reason in ('', 'customer', 'sold_out', 'closed', 'unreachable', 'mistake', 'other')),
    add column cancel_note text not null default '' check (length(cancel_note) <= 300),
    add column allergies_encrypted bytea;
grant update (status, status_changed_at, status_by, cancel_reason, cancel_note, allergies_encrypted)
    on "order" to alloresto_app;

create index order_by_status on "order" (restaurant_id, status, confirmed_at desc, id); -- the board; lists by status
create index order_by_number on "order" (restaurant_id, number, confirmed_at desc, id);
drop index order_by_customer;
create index order_by_customer on "order" (customer_id, confirmed_at desc);

-- A cancelled order is taken out of the figures once, whichever is first: the order's log or its cancellation.
alter table order_log add column cancelled boolean not null default false;
grant update (cancelled) on order_log to alloresto_app;

-- A missed caller is called back; a cart that nobody agreed to is called back about, or settled.
alter table call_log
    add column followed_up text not null default '' check (followed_up in ('', 'called_back', 'settled')),
    add column followed_up_at timestamptz,
    add column followed_up_by text not null default '';

-- The lists of calls, each newest first. The condition is stores/calls.py's NOT_SERVED, word for word.
drop index call_log_missed;
create index call_log_missed on call_log (restaurant_id, started_at desc, id)
    where missed_reason <> '' or outcome in ('abandoned', 'busy', 'failed', 'lost');
create index call_log_by_outcome on call_log (restaurant_id, outcome, started_at desc, id);

-- The restaurant's own pages show support what its operator sees of a call.
grant select on call_trace to alloresto_app;
