-- Who wants no more text messages of a restaurant: kept without the number.
create table message_opt_out (
    restaurant_id uuid not null references restaurant on delete cascade,
    phone_hash bytea not null check (octet_length(phone_hash) = 32),
    at timestamptz not null default now(),
    primary key (restaurant_id, phone_hash)
);

-- What was handed to who brings messages, and what they say became of it. A receipt may come before we know of its
-- message: then it has the row, and the message the rest of it.
create table sent_message (
    restaurant_id uuid not null,
    connection_id uuid not null,
    reference text not null check (length(reference) between 1 and 200), -- the service's own name for it
    about text not null default '' check (length(about) <= 128),
    template text not null default '' check (length(template) <= 60),
    parts integer not null default 0 check (parts >= 0),
    fate text not null default 'accepted' check (fate in ('accepted', 'sent', 'delivered', 'failed')),
    code text not null default '' check (length(code) <= 20),
    at timestamptz not null default now(),
    fate_at timestamptz not null default now(),
    primary key (connection_id, reference),
    foreign key (restaurant_id, connection_id) references service_connection (restaurant_id, id) on delete cascade
);
create index sent_message_by_subject on sent_message (restaurant_id, about) where about <> '';
create index sent_message_by_time on sent_message (at);

do $$
declare
    name text;
begin
    foreach name in array array['message_opt_out', 'sent_message'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy platform on %I to alloresto_platform using (true) with check (true)', name);
        execute format(
            'create policy tenant on %I to alloresto_app'
            ' using (restaurant_id = current_restaurant()) with check (restaurant_id = current_restaurant())', name
        );
    end loop;
end $$;
grant select, insert, update, delete on message_opt_out, sent_message to alloresto_app, alloresto_platform;
