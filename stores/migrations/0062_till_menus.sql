-- A till's code now also stands for a category, an item or a group of choices; ``within`` is where the till has it.
alter table till_code add column within text not null default '' check (length(within) <= 120);

-- What a till sells, as it last said so; it takes the menu's place once somebody has looked at the difference.
create table till_menu (
    restaurant_id uuid not null default current_restaurant(),
    connection_id uuid not null primary key,
    digest text not null check (digest ~ '^[0-9a-f]{32}$'),
    menu bytea not null check (octet_length(menu) <= 4194304), -- compressed JSON of domain.till_menus
    at timestamptz not null default now(),
    taken_at timestamptz, -- since when it is the restaurant's, as it stands here
    foreign key (restaurant_id, connection_id) references service_connection (restaurant_id, id) on delete cascade
);
alter table till_menu enable row level security;
alter table till_menu force row level security;
create policy platform on till_menu to alloresto_platform using (true) with check (true);
create policy tenant on till_menu to alloresto_app
    using (restaurant_id = current_restaurant()) with check (restaurant_id = current_restaurant());
grant select, insert, update, delete on till_menu to alloresto_app, alloresto_platform;
