create table restaurant (
    id uuid primary key default gen_random_uuid(),
    name text not null check (length(name) between 1 and 200),
    language text not null check (language in ('fr', 'en')),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    zone text not null check (length(zone) between 1 and 64),
    street text not null default '',
    postcode text not null default '',
    city text not null default '',
    phone text not null default '',
    greeting text not null default '',
    voice text not null default '',
    pickup boolean not null default true,
    delivery boolean not null default false,
    dine_in boolean not null default false,
    prep_minutes integer not null default 20 check (prep_minutes between 0 and 600),
    max_calls integer not null default 10 check (max_calls between 1 and 1000),
    record_calls boolean not null default false,
    fallback text not null default 'busy' check (fallback in ('forward', 'take_message', 'busy')),
    fallback_number text not null default '',
    created_at timestamptz not null default now(),
    check (fallback <> 'forward' or fallback_number <> '')
);
create index restaurant_by_name on restaurant (name, id);

-- Minutes after local midnight; closes may pass 1440 (open past midnight).
create table opening_hours (
    restaurant_id uuid not null references restaurant on delete cascade,
    weekday smallint not null check (weekday between 0 and 6), -- 0 is Monday
    opens integer not null check (opens between 0 and 1439),
    closes integer not null check (closes between 1 and 2880),
    primary key (restaurant_id, weekday, opens),
    check (closes > opens)
);

-- A local date that differs. spans is a list of [opens, closes]; closed all day when empty.
create table opening_exception (
    restaurant_id uuid not null references restaurant on delete cascade,
    day date not null,
    spans jsonb not null default '[]' check (jsonb_typeof(spans) = 'array'),
    primary key (restaurant_id, day)
);

create table delivery_zone (
    id uuid primary key default gen_random_uuid(),
    restaurant_id uuid not null references restaurant on delete cascade,
    name text not null check (name <> ''),
    postcodes text[] not null check (cardinality(postcodes) > 0),
    minimum_cents integer not null check (minimum_cents >= 0),
    fee_cents integer not null check (fee_cents >= 0),
    minutes integer not null check (minutes between 0 and 600),
    position integer not null default 0
);
create index delivery_zone_by_restaurant on delivery_zone (restaurant_id, position);

create table faq (
    id uuid primary key default gen_random_uuid(),
    restaurant_id uuid not null references restaurant on delete cascade,
    question text not null check (question <> ''),
    answer text not null check (answer <> ''),
    position integer not null default 0
);
create index faq_by_restaurant on faq (restaurant_id, position);

create table dining_room (
    id uuid primary key default gen_random_uuid(),
    restaurant_id uuid not null references restaurant on delete cascade,
    name text not null check (name <> ''),
    position integer not null default 0,
    unique (restaurant_id, id)
);

create table dining_table (
    id uuid primary key default gen_random_uuid(),
    restaurant_id uuid not null,
    room_id uuid not null,
    name text not null check (name <> ''),
    seats integer not null check (seats between 1 and 100),
    unique (restaurant_id, id),
    unique (room_id, name),
    foreign key (restaurant_id, room_id) references dining_room (restaurant_id, id) on delete cascade
);
create index dining_table_by_restaurant on dining_table (restaurant_id, room_id, name);

-- Work from elsewhere (a delivery platform, the dining room): minutes that it adds to each promise until then.
create table external_load (
    restaurant_id uuid not null references restaurant on delete cascade,
    source text not null check (source <> ''),
    minutes integer not null check (minutes between 0 and 600),
    until timestamptz not null,
    updated_at timestamptz not null default now(),
    primary key (restaurant_id, source)
);
