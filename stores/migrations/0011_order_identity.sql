-- An order is one by the id that was minted with its cart: however often and by whomever it is written. What the
-- first writer wrote is known by its hash, so that another content under the same id is refused and not swallowed.
alter table order_key drop constraint order_key_pkey;
alter table order_key drop column cart_version;
alter table order_key add column content_hash bytea check (octet_length(content_hash) = 32); -- null: older than this
alter table order_key add primary key (order_id);
create index order_key_by_call on order_key (restaurant_id, call_id);
alter table "order" drop column cart_version;

-- A call that its handler or its bridge lost, and the cart that nobody agreed to: the restaurant may call back.
alter table call_log drop constraint call_log_outcome_check;
alter table call_log add constraint call_log_outcome_check check (outcome in (
    'in_progress', 'order_confirmed', 'reservation_made', 'answered', 'abandoned', 'transferred', 'message_taken',
    'busy', 'superseded', 'failed', 'lost'
));
alter table call_log add column unconfirmed_encrypted bytea;
create index call_log_unconfirmed on call_log (restaurant_id, started_at desc) where unconfirmed_encrypted is not null;
