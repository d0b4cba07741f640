-- How a till stands to an order: it was told, has taken it, or says no. Its words are forgotten with the order's others.
alter table "order"
    add column till_state text not null default '' check (till_state in ('', 'sent', 'accepted', 'refused')),
    add column till_reference text not null default '' check (length(till_reference) <= 200),
    add column till_reason text not null default '' check (length(till_reason) <= 200);
grant update (till_state, till_reference, till_reason) on "order" to alloresto_app;

create function forget_till_reason() returns trigger language plpgsql as $$
begin
    new.till_reason := '';
    return new;
end $$;
create trigger forget_till_reason before update of forgotten_at on "order"
    for each row when (new.forgotten_at is not null) execute function forget_till_reason();

-- A till's own names for what is on the menu: a size, or what is chosen with it.
create table till_code (
    restaurant_id uuid not null default current_restaurant(),
    connection_id uuid not null,
    thing_id uuid not null, -- of an item's size, or of a modifier's option
    code text not null check (length(code) between 1 and 120),
    primary key (connection_id, thing_id),
    foreign key (restaurant_id, connection_id) references service_connection (restaurant_id, id) on delete cascade
);
create index till_code_by_code on till_code (connection_id, code);
alter table till_code enable row level security;
alter table till_code force row level security;
create policy platform on till_code to alloresto_platform using (true) with check (true);
create policy tenant on till_code to alloresto_app
    using (restaurant_id = current_restaurant()) with check (restaurant_id = current_restaurant());
grant select, insert, update, delete on till_code to alloresto_app, alloresto_platform;

-- Attempts that surely had no effect: where there were others, a printer may have printed.
alter table errand add column untouched integer not null default 0 check (untouched >= 0);
grant select (untouched), update (untouched) on errand to alloresto_app;
