-- What an operator needs to explain a call: its SIP messages, its course, how it sounded, the settings in force. Beside
-- the call's row and not in it: it is written by the bridge alone, read seldom, and kept for a shorter time.
create table call_trace (
    call_id text not null,
    started_at timestamptz not null,
    restaurant_id uuid not null references restaurant on delete cascade,
    sip_call_id text not null default '',
    ladder jsonb not null default '{}',
    moments jsonb not null default '[]',
    audio jsonb,
    in_force jsonb not null default '{}',
    primary key (call_id, started_at)
);
-- The gate tells of a dialog by its Call-ID, when the worker that had the call may be gone.
create index call_trace_by_sip_call on call_trace (sip_call_id, started_at desc) where sip_call_id <> '';
create index call_trace_by_time on call_trace (started_at); -- retention
create index call_trace_by_restaurant on call_trace (restaurant_id);

alter table call_trace enable row level security;
alter table call_trace force row level security;
create policy platform on call_trace to alloresto_platform using (true) with check (true);
create policy tenant on call_trace to alloresto_app
    using (restaurant_id = current_restaurant()) with check (restaurant_id = current_restaurant());
-- The app role gets no grant: the restaurant's own pages show none of it.
grant select, insert, update, delete on call_trace to alloresto_platform;

-- Since when a line is in its state, and when its trunk was last heard, or found silent.
alter table sip_registration
    add column changed_at timestamptz not null default now(),
    add column answered_at timestamptz;
create function registration_changed() returns trigger language plpgsql as $$
begin
    new.changed_at := now();
    return new;
end $$;
create trigger registration_changed before update on sip_registration for each row
    when ((old.status, old.error, old.bridge_node_id) is distinct from (new.status, new.error, new.bridge_node_id))
    execute function registration_changed();
