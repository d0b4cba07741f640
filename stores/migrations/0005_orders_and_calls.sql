-- Names, numbers and addresses of callers are AES-256-GCM ciphertexts; *_hash is a keyed hash for look-up.
create table customer (
    id uuid primary key default gen_random_uuid(),
    restaurant_id uuid not null references restaurant on delete cascade,
    phone_hash bytea not null check (octet_length(phone_hash) = 32),
    phone_encrypted bytea not null,
    name_encrypted bytea,
    created_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    unique (restaurant_id, id),
    unique (restaurant_id, phone_hash)
);
create index customer_by_last_seen on customer (restaurant_id, last_seen_at desc);

create table "order" (
    id uuid not null default gen_random_uuid(),
    restaurant_id uuid not null references restaurant,
    number integer not null check (number > 0), -- the kitchen's ticket: 1, 2, 3… each local day
    call_id text not null check (length(call_id) between 1 and 128),
    cart_version integer not null check (cart_version >= 0),
    status text not null default 'confirmed' check (status in ('confirmed', 'preparing', 'ready', 'done', 'cancelled')),
    fulfilment text not null check (fulfilment in ('pickup', 'delivery', 'dine_in')),
    address_encrypted bytea,
    fee_cents integer not null default 0 check (fee_cents >= 0),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    total_cents integer not null check (total_cents >= 0),
    vat jsonb not null default '[]',
    customer_id uuid,
    customer_name_encrypted bytea,
    confirmed_at timestamptz not null,
    promised_at timestamptz not null,
    primary key (id, confirmed_at),
    foreign key (restaurant_id, customer_id) references customer (restaurant_id, id) on delete set null (customer_id),
    check (promised_at >= confirmed_at),
    check ((fulfilment = 'delivery') = (address_encrypted is not null))
) partition by range (confirmed_at);
create index order_by_time on "order" (restaurant_id, confirmed_at desc, id);
create index order_by_time_everywhere on "order" (confirmed_at desc);
create index order_by_call on "order" (restaurant_id, call_id);
create index order_by_customer on "order" (customer_id);

create table order_item (
    restaurant_id uuid not null references restaurant,
    order_id uuid not null,
    confirmed_at timestamptz not null,
    line integer not null check (line > 0),
    item_id uuid not null, -- the menu may drop the item later; the order keeps what was sold
    name text not null,
    size_id uuid not null,
    size_name text not null default '',
    quantity integer not null check (quantity between 1 and 1000),
    unit_cents integer not null check (unit_cents >= 0),
    total_cents integer not null,
    vat_rate_bp integer not null check (vat_rate_bp between 0 and 10000),
    modifiers jsonb not null default '[]',
    note text not null default '',
    primary key (order_id, confirmed_at, line),
    foreign key (order_id, confirmed_at) references "order" (id, confirmed_at) on delete cascade,
    check (total_cents = quantity * unit_cents)
) partition by range (confirmed_at);
create index order_item_by_item on order_item (restaurant_id, item_id, confirmed_at);

-- A partitioned table can't hold a unique key without its partition column. This one makes an order unique by
-- what the caller confirmed, so that a handler that resumes a call can't order twice.
create table order_key (
    restaurant_id uuid not null references restaurant,
    call_id text not null,
    cart_version integer not null,
    order_id uuid not null,
    confirmed_at timestamptz not null,
    primary key (restaurant_id, call_id, cart_version)
);
create index order_key_by_time on order_key (confirmed_at);

create table ticket_counter (
    restaurant_id uuid not null references restaurant on delete cascade,
    day date not null,
    last integer not null,
    primary key (restaurant_id, day)
);

create table reservation (
    id uuid primary key default gen_random_uuid(),
    restaurant_id uuid not null references restaurant,
    table_id uuid,
    customer_id uuid,
    call_id text,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    covers integer not null check (covers between 1 and 1000),
    status text not null default 'confirmed' check (status in ('held', 'confirmed', 'cancelled', 'seated', 'no_show')),
    name_encrypted bytea,
    note text not null default '',
    created_at timestamptz not null default now(),
    foreign key (restaurant_id, table_id) references dining_table (restaurant_id, id),
    foreign key (restaurant_id, customer_id) references customer (restaurant_id, id) on delete set null (customer_id),
    check (ends_at > starts_at),
    constraint reservation_table_is_free exclude using gist (
        table_id with =, tstzrange(starts_at, ends_at) with &&
    ) where (status in ('held', 'confirmed', 'seated'))
);
create index reservation_by_time on reservation (restaurant_id, starts_at);
create index reservation_by_customer on reservation (customer_id);

-- Written by two: the function that logs the call's end, and the handler with what was said. Whoever is first
-- makes the row.
create table call_log (
    id text not null check (length(id) between 1 and 128),
    started_at timestamptz not null,
    restaurant_id uuid not null references restaurant,
    phone_line_id uuid,
    bridge_node_id text not null default '',
    outcome text not null default 'answered' check (outcome in (
        'order_confirmed', 'reservation_made', 'answered', 'abandoned', 'transferred', 'message_taken', 'busy',
        'superseded', 'failed'
    )),
    attempts integer not null default 1 check (attempts >= 0),
    answered_at timestamptz,
    joined_at timestamptz,
    ended_at timestamptz,
    duration_ms integer check (duration_ms >= 0),
    missed_reason text not null default '',
    caller_encrypted bytea,
    caller_hash bytea check (octet_length(caller_hash) = 32),
    recording text not null default '',
    transcript jsonb not null default '[]' check (jsonb_typeof(transcript) = 'array'),
    usage jsonb not null default '{}',
    cost_dollars numeric(12, 6) not null default 0 check (cost_dollars >= 0),
    order_id uuid,
    primary key (id, started_at),
    foreign key (restaurant_id, phone_line_id) references phone_line (restaurant_id, id)
        on delete set null (phone_line_id)
) partition by range (started_at);
create index call_log_by_time on call_log (restaurant_id, started_at desc, id);
create index call_log_by_time_everywhere on call_log (started_at desc);
create index call_log_by_caller on call_log (restaurant_id, caller_hash, started_at desc) where caller_hash is not null;
create index call_log_missed on call_log (restaurant_id, started_at desc) where missed_reason <> '';
create index call_log_by_line on call_log (phone_line_id);

create table order_default partition of "order" default;
create table order_item_default partition of order_item default;
create table call_log_default partition of call_log default;

-- Make the partitions of `months` months from the month of `from_day` on; how many were made. A month that has
-- rows in a default partition already stays there: nothing moves, nothing is lost, queries find it the same.
create function ensure_partitions(from_day date, months integer) returns integer
    language plpgsql security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
    parent text;
    time_column text;
    first_day timestamptz;
    next_day timestamptz;
    partition_name text;
    taken boolean;
    made integer := 0;
begin
    if months not between 1 and 120 then
        raise exception 'months must be 1 to 120, not %', months using errcode = 'invalid_parameter_value';
    end if;
    perform pg_advisory_xact_lock(724502);
    foreach parent in array array['order', 'order_item', 'call_log'] loop
        time_column := case parent when 'call_log' then 'started_at' else 'confirmed_at' end;
        for ahead in 0 .. months - 1 loop
            first_day := (date_trunc('month', from_day::timestamp) + make_interval(months => ahead)) at time zone 'UTC';
            next_day := ((first_day at time zone 'UTC') + interval '1 month') at time zone 'UTC';
            partition_name := parent || '_' || to_char(first_day at time zone 'UTC', 'YYYY_MM');
            continue when to_regclass(format('public.%I', partition_name)) is not null;
            execute format(
                'select exists (select from public.%I where %I >= $1 and %I < $2)',
                parent || '_default', time_column, time_column
            ) into taken using first_day, next_day;
            continue when taken;
            execute format(
                'create table public.%I partition of public.%I for values from (%L) to (%L)',
                partition_name, parent, first_day, next_day
            );
            made := made + 1;
        end loop;
    end loop;
    return made;
end $$;
grant execute on function ensure_partitions(date, integer) to alloresto_platform;

-- What order_logger writes: one row an order, and the day's sums in the restaurant's own zone.
create table order_log (
    order_id uuid primary key,
    restaurant_id uuid not null references restaurant on delete cascade,
    number integer not null,
    fulfilment text not null,
    items integer not null check (items >= 0),
    total_cents integer not null check (total_cents >= 0),
    currency text not null,
    confirmed_at timestamptz not null,
    logged_at timestamptz not null default now()
);
create index order_log_by_time on order_log (restaurant_id, confirmed_at desc);

create table daily_figure (
    restaurant_id uuid not null references restaurant on delete cascade,
    day date not null,
    currency text not null,
    orders integer not null default 0,
    items integer not null default 0,
    total_cents bigint not null default 0,
    primary key (restaurant_id, day, currency)
);
