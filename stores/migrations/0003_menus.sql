-- Foreign keys inside a restaurant carry restaurant_id: key checks are not bound by row-level security, so a
-- plain key would let one restaurant's row point at another's.
create table menu_category (
    id uuid primary key default gen_random_uuid(),
    restaurant_id uuid not null references restaurant on delete cascade,
    name text not null check (name <> ''),
    position integer not null default 0,
    unique (restaurant_id, id),
    unique (restaurant_id, name)
);

create table menu_item (
    id uuid primary key default gen_random_uuid(),
    restaurant_id uuid not null,
    category_id uuid not null,
    name text not null check (name <> ''),
    description text not null default '',
    vat_rate_bp integer not null check (vat_rate_bp between 0 and 10000),
    allergens text[] not null default '{}',
    aliases text[] not null default '{}',
    available boolean not null default true,
    position integer not null default 0,
    unique (restaurant_id, id),
    unique (restaurant_id, name),
    foreign key (restaurant_id, category_id) references menu_category (restaurant_id, id) on delete cascade
);
create index menu_item_by_category on menu_item (restaurant_id, category_id, position);

create table item_size (
    id uuid primary key default gen_random_uuid(),
    restaurant_id uuid not null,
    item_id uuid not null,
    name text not null default '',
    price_cents integer not null check (price_cents between 0 and 10000000),
    available boolean not null default true,
    position integer not null default 0,
    unique (item_id, name),
    foreign key (restaurant_id, item_id) references menu_item (restaurant_id, id) on delete cascade
);
create index item_size_by_item on item_size (restaurant_id, item_id, position);

create table modifier_group (
    id uuid primary key default gen_random_uuid(),
    restaurant_id uuid not null references restaurant on delete cascade,
    name text not null check (name <> ''),
    minimum integer not null check (minimum >= 0),
    maximum integer not null check (maximum >= 1),
    unique (restaurant_id, id),
    check (minimum <= maximum)
);

create table modifier_option (
    id uuid primary key default gen_random_uuid(),
    restaurant_id uuid not null,
    group_id uuid not null,
    name text not null check (name <> ''),
    price_cents integer not null default 0 check (price_cents between 0 and 10000000),
    available boolean not null default true,
    position integer not null default 0,
    unique (group_id, name),
    foreign key (restaurant_id, group_id) references modifier_group (restaurant_id, id) on delete cascade
);
create index modifier_option_by_group on modifier_option (restaurant_id, group_id, position);

create table menu_item_modifier_group (
    restaurant_id uuid not null,
    item_id uuid not null,
    group_id uuid not null,
    position integer not null default 0,
    primary key (item_id, group_id),
    foreign key (restaurant_id, item_id) references menu_item (restaurant_id, id) on delete cascade,
    foreign key (restaurant_id, group_id) references modifier_group (restaurant_id, id) on delete cascade
);
create index menu_item_modifier_group_by_group on menu_item_modifier_group (group_id);
