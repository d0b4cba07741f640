-- The menu as restaurants have it. What was there keeps its meaning: every new column has a default that says so.

-- Until when something is off; null with available = false is until somebody puts it back.
alter table menu_item add column off_until timestamptz;
alter table item_size add column off_until timestamptz;
alter table modifier_option add column off_until timestamptz;

-- served: [[weekdays, opens, closes], …] as the domain's ServedHours; empty for always.
alter table menu_category
    add column halves text check (halves in ('dearer', 'average', 'half_each')),
    add column served jsonb not null default '[]' check (jsonb_typeof(served) = 'array');
alter table menu_item add column served jsonb not null default '[]' check (jsonb_typeof(served) = 'array');

alter table modifier_option
    add column aliases text[] not null default '{}',
    add unique (restaurant_id, id);
alter table modifier_group
    add column included integer not null default 0 check (included >= 0),
    add column amounts text[] not null default '{}'
        check (amounts <@ array['light', 'extra', 'side', 'without']),
    add column light_percent integer not null default 100 check (light_percent between 0 and 100),
    add column extra_percent integer not null default 200 check (extra_percent between 100 and 1000);

-- An item's position is counted within its category from now on: until now it was within the menu.
alter table menu_item no force row level security; -- else the owner, who is bound by it too, would find no row
update menu_item set position = counted.place
from (
    select id, row_number() over (partition by category_id order by position, name) - 1 as place from menu_item
) as counted
where counted.id = menu_item.id and menu_item.position <> counted.place;
alter table menu_item force row level security;

-- Two rows may exchange their names in one transaction: whole menus are written at once.
alter table menu_category drop constraint menu_category_restaurant_id_name_key,
    add unique (restaurant_id, name) deferrable;
alter table menu_item drop constraint menu_item_restaurant_id_name_key,
    add unique (restaurant_id, name) deferrable;
alter table item_size drop constraint item_size_item_id_name_key,
    add unique (item_id, name) deferrable;
alter table modifier_option drop constraint modifier_option_group_id_name_key,
    add unique (group_id, name) deferrable;

create table menu_ingredient (
    id uuid primary key default gen_random_uuid(),
    restaurant_id uuid not null,
    item_id uuid not null,
    name text not null check (name <> ''),
    extra_cents integer not null default 0 check (extra_cents between 0 and 10000000),
    removable boolean not null default true,
    aliases text[] not null default '{}',
    position integer not null default 0,
    unique (item_id, name) deferrable,
    foreign key (restaurant_id, item_id) references menu_item (restaurant_id, id) on delete cascade
);
create index menu_ingredient_by_item on menu_ingredient (restaurant_id, item_id, position);

-- A modifier of a modifier.
create table modifier_option_group (
    restaurant_id uuid not null,
    option_id uuid not null,
    group_id uuid not null,
    position integer not null default 0,
    primary key (option_id, group_id),
    foreign key (restaurant_id, option_id) references modifier_option (restaurant_id, id) on delete cascade,
    foreign key (restaurant_id, group_id) references modifier_group (restaurant_id, id) on delete cascade
);
create index modifier_option_group_by_restaurant on modifier_option_group (restaurant_id);
create index modifier_option_group_by_group on modifier_option_group (group_id);

create table combo_part (
    id uuid primary key default gen_random_uuid(),
    restaurant_id uuid not null,
    item_id uuid not null,
    name text not null check (name <> ''),
    position integer not null default 0,
    unique (restaurant_id, id),
    unique (item_id, name) deferrable,
    foreign key (restaurant_id, item_id) references menu_item (restaurant_id, id) on delete cascade
);
create index combo_part_by_item on combo_part (restaurant_id, item_id, position);

create table combo_choice (
    restaurant_id uuid not null,
    part_id uuid not null,
    item_id uuid not null,
    extra_cents integer not null default 0 check (extra_cents between 0 and 10000000),
    position integer not null default 0,
    primary key (part_id, item_id),
    foreign key (restaurant_id, part_id) references combo_part (restaurant_id, id) on delete cascade,
    foreign key (restaurant_id, item_id) references menu_item (restaurant_id, id) on delete cascade
);
create index combo_choice_by_part on combo_choice (restaurant_id, part_id);
create index combo_choice_by_item on combo_choice (item_id);

-- The halves or the combo's parts of a sold line: item, size, modifiers, VAT rates and the share in cents of each.
-- vat_rate_bp of such a line is that of its dearest part; the order's vat column has all of them.
alter table order_item add column parts jsonb not null default '[]' check (jsonb_typeof(parts) = 'array');

-- The menu page and every call read these by restaurant; until now only others' keys helped.
create index modifier_group_by_restaurant on modifier_group (restaurant_id);
create index menu_item_modifier_group_by_restaurant on menu_item_modifier_group (restaurant_id, item_id, position);

do $$
declare
    name text;
begin
    foreach name in array array['menu_ingredient', 'modifier_option_group', 'combo_part', 'combo_choice'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy platform on %I to alloresto_platform using (true) with check (true)', name);
        execute format(
            'create policy tenant on %I to alloresto_app'
            ' using (restaurant_id = current_restaurant()) with check (restaurant_id = current_restaurant())', name
        );
    end loop;
end $$;
grant select, insert, update, delete on menu_ingredient, modifier_option_group, combo_part, combo_choice
    to alloresto_app, alloresto_platform;
