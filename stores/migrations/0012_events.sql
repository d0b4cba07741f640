-- The owner is bound by row-level security like everyone else; without this the updates below would find no row.
alter table dead_letter no force row level security;

-- An event is one by its source and its id together, as CloudEvents says.
alter table processed_event add column source text not null default ''; -- "": taken before this release
alter table processed_event drop constraint processed_event_pkey;
alter table processed_event add primary key (consumer, source, event_id);

-- A dead letter is the message as it came, also one that can't be read. What could be read is for display.
alter table dead_letter drop constraint dead_letter_event_id_subscriber_key;
alter table dead_letter
    add column headers jsonb not null default '{"content-type": "application/cloudevents+json"}',
    add column body bytea,
    add column truncated boolean not null default false, -- the body went on, and can't be published again
    add column identity bytea check (octet_length(identity) = 32), -- null: who could not take what is not known
    add column failures integer not null default 1 check (failures > 0), -- the first one, and each replay's
    add column failed_at timestamptz not null default now();
update dead_letter set body = convert_to(event::text, 'UTF8'), failed_at = received_at;
alter table dead_letter alter column headers drop default;
alter table dead_letter alter column body set not null;
alter table dead_letter drop column event;
create unique index dead_letter_by_identity on dead_letter (identity);
create index dead_letter_by_failure on dead_letter (failed_at);
create index dead_letter_by_event on dead_letter (event_id, source);
alter table dead_letter force row level security;

-- A replay is a row of the outbox that points to its letter. Events of a restaurant leave in order, one after the
-- other: its lane. Those of no restaurant share one.
alter table outbox
    alter column event drop not null,
    add column dead_letter_id uuid unique references dead_letter on delete cascade,
    add column lane uuid not null generated always as
        (coalesce(restaurant_id, '00000000-0000-0000-0000-000000000000'::uuid)) stored,
    add check ((event is null) = (dead_letter_id is not null));
drop index outbox_due;
create index outbox_by_lane on outbox (lane, id); -- a lane's next events
create index outbox_due on outbox (lane, next_at); -- its first entry says whether a lane has one that is due

-- What retention looks for, by age: without these each night would read all that was ever kept.
create index customer_by_last_seen_everywhere on customer (last_seen_at);
create index call_log_with_words on call_log (started_at)
    where transcript <> '[]' or recording <> '' or unconfirmed_encrypted is not null;
create index call_log_with_caller on call_log (started_at) where caller_encrypted is not null;
