-- Rooms that may be closed, tables that are joined, what a restaurant books by, and who waits for a table.
alter table dining_room add column open boolean not null default true;
alter table dining_table add column seats_min integer not null default 1;
alter table dining_table add constraint dining_table_seats_min_check check (seats_min between 1 and seats);

-- Two tables may exchange their names in one transaction.
alter table dining_table drop constraint dining_table_room_id_name_key;
alter table dining_table add constraint dining_table_room_id_name_key unique (room_id, name) deferrable initially deferred;

-- Each pair once, the smaller id first.
create table dining_table_join (
    restaurant_id uuid not null,
    table_id uuid not null,
    other_id uuid not null,
    primary key (table_id, other_id),
    foreign key (restaurant_id, table_id) references dining_table (restaurant_id, id) on delete cascade,
    foreign key (restaurant_id, other_id) references dining_table (restaurant_id, id) on delete cascade,
    check (table_id < other_id)
);
create index dining_table_join_by_restaurant on dining_table_join (restaurant_id);
create index dining_table_join_by_other on dining_table_join (other_id);

-- A restaurant without a row books by the columns' defaults, which domain.reservations.Rules has too.
create table reservation_rules (
    restaurant_id uuid primary key references restaurant on delete cascade,
    taken boolean not null default true,
    notice_minutes integer not null default 30 check (notice_minutes between 0 and 10080),
    horizon_days integer not null default 60 check (horizon_days between 1 and 365),
    max_covers integer not null default 12 check (max_covers between 1 and 100),
    last_seating_minutes integer not null default 45 check (last_seating_minutes between 0 and 300),
    stay_minutes integer[] not null default '{105,105,105,105}'
        check (cardinality(stay_minutes) = 4 and 15 <= all (stay_minutes) and 600 >= all (stay_minutes))
);

alter table reservation drop constraint reservation_status_check;
alter table reservation add constraint reservation_status_check check (status in (
    'requested', 'held', 'confirmed', 'seated', 'finished', 'no_show', 'cancelled'
));
alter table reservation add column cancel_reason text not null default ''
    check (cancel_reason in ('', 'guest', 'restaurant', 'mistake', 'other'));
alter table reservation add column cancel_note text not null default '' check (length(cancel_note) <= 300);
alter table reservation add constraint reservation_span unique (restaurant_id, id, starts_at, ends_at);

alter table reservation drop constraint reservation_table_is_free;

-- The tables that a reservation has: several when they are joined. The times are the reservation's own and follow it,
-- so that the constraint below is never asked about others.
create table reservation_table (
    restaurant_id uuid not null,
    reservation_id uuid not null,
    table_id uuid not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    holds boolean not null default true,
    primary key (reservation_id, table_id),
    foreign key (restaurant_id, reservation_id, starts_at, ends_at)
        references reservation (restaurant_id, id, starts_at, ends_at) on update cascade on delete cascade,
    foreign key (restaurant_id, table_id) references dining_table (restaurant_id, id) on delete cascade,
    constraint reservation_table_is_free exclude using gist (
        table_id with =, tstzrange(starts_at, ends_at) with &&
    ) where (holds)
);
create index reservation_table_by_time on reservation_table (restaurant_id, starts_at) where holds;
create index reservation_table_by_table on reservation_table (table_id);

alter table reservation no force row level security; -- else the owner, who is bound by it too, would find no row
insert into reservation_table (restaurant_id, reservation_id, table_id, starts_at, ends_at, holds)
select restaurant_id, id, table_id, starts_at, ends_at, status in ('held', 'confirmed', 'seated')
from reservation where table_id is not null;
alter table reservation drop column table_id;
alter table reservation force row level security;

create table waiting_party (
    id uuid primary key default gen_random_uuid(),
    restaurant_id uuid not null references restaurant,
    customer_id uuid,
    wanted_at timestamptz not null,
    covers integer not null check (covers between 1 and 1000),
    name_encrypted bytea,
    note text not null default '' check (length(note) <= 300),
    reservation_id uuid, -- the table that was offered
    left_at timestamptz, -- waits no more
    created_at timestamptz not null default now(),
    foreign key (restaurant_id, customer_id) references customer (restaurant_id, id) on delete set null (customer_id),
    foreign key (reservation_id) references reservation (id) on delete set null
);
create index waiting_party_by_time on waiting_party (restaurant_id, wanted_at);
create index waiting_party_by_age on waiting_party (wanted_at);
create index waiting_party_by_customer on waiting_party (customer_id);
create index waiting_party_by_reservation on waiting_party (reservation_id);

do $$
declare
    name text;
begin
    foreach name in array array['dining_table_join', 'reservation_rules', 'reservation_table', 'waiting_party'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy platform on %I to alloresto_platform using (true) with check (true)', name);
        execute format(
            'create policy tenant on %I to alloresto_app'
            ' using (restaurant_id = current_restaurant()) with check (restaurant_id = current_restaurant())', name
        );
    end loop;
end $$;
grant select, insert, update, delete on dining_table_join, reservation_rules, reservation_table
    to alloresto_app, alloresto_platform;
grant select, insert, update on waiting_party to alloresto_app;
grant select, insert, update, delete on waiting_party to alloresto_platform;

-- What is forgotten with age has one word more.
drop index reservation_with_words;
create index reservation_with_words on reservation (ends_at)
    where name_encrypted is not null or note <> '' or cancel_note <> '' or customer_id is not null;

create policy erasing on waiting_party to current_user
    using (restaurant_id = current_restaurant()) with check (restaurant_id = current_restaurant());
