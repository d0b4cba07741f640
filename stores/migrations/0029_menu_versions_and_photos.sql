-- The whole menu after each change, as compressed JSON: what a caller was told, and what can be put back.
create table menu_version (
    restaurant_id uuid not null references restaurant on delete cascade,
    number integer not null check (number > 0),
    at timestamptz not null default now(),
    actor text not null check (actor <> ''),
    acting_for text not null default '',
    reason text not null,
    changes jsonb not null default '[]' check (jsonb_typeof(changes) = 'array'), -- in words of the domain
    snapshot bytea not null,
    primary key (restaurant_id, number)
);
create index menu_version_by_time on menu_version (restaurant_id, at desc);

-- Two sizes of one photo, made by us from what was uploaded; digest names the content in URLs that never go stale.
create table menu_photo (
    restaurant_id uuid not null,
    item_id uuid not null,
    digest text not null check (digest ~ '^[0-9a-f]{32}$'),
    small bytea not null check (octet_length(small) <= 65536),
    large bytea not null check (octet_length(large) <= 524288),
    primary key (restaurant_id, item_id),
    foreign key (restaurant_id, item_id) references menu_item (restaurant_id, id) on delete cascade
);

do $$
declare
    name text;
begin
    foreach name in array array['menu_version', 'menu_photo'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy platform on %I to alloresto_platform using (true) with check (true)', name);
        execute format(
            'create policy tenant on %I to alloresto_app'
            ' using (restaurant_id = current_restaurant()) with check (restaurant_id = current_restaurant())', name
        );
    end loop;
end $$;
grant select, insert, delete on menu_version to alloresto_app; -- delete: only the newest are kept
grant select, insert, update, delete on menu_photo to alloresto_app;
grant select, insert, update, delete on menu_version, menu_photo to alloresto_platform;
