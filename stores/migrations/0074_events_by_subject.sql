-- Events of one restaurant and one subject leave in order, one after the other; a replay's order is lost already, so
-- each is a subject of its own. lane is still whose they are: none takes all places of a relay.
alter table outbox
    add column subject text not null generated always as
        (coalesce(left(event ->> 'subject', 200), dead_letter_id::text, '')) stored;
create index outbox_by_subject on outbox (lane, subject, id); -- the next events of a restaurant's subject
drop index outbox_by_lane; -- the version before finds a lane's events by the new one, or by outbox_due
