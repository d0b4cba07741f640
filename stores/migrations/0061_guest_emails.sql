-- Where a guest wants to be told of one order by e-mail: theirs for this order alone, and gone days after it.
create table guest_email (
    restaurant_id uuid not null default current_restaurant() references restaurant on delete cascade,
    about uuid not null, -- the order
    email_encrypted bytea not null,
    at timestamptz not null default now(),
    primary key (restaurant_id, about)
);
create index guest_email_by_time on guest_email (at);
alter table guest_email enable row level security;
alter table guest_email force row level security;
create policy platform on guest_email to alloresto_platform using (true) with check (true);
create policy tenant on guest_email to alloresto_app
    using (restaurant_id = current_restaurant()) with check (restaurant_id = current_restaurant());
grant select, insert, update, delete on guest_email to alloresto_app, alloresto_platform;

-- One service more than before, so it refuses nothing that the version before writes.
do $$
begin
    alter table service_connection drop constraint service_connection_service_check;
    alter table service_connection add constraint service_connection_service_check
        check (service in ('till', 'printer', 'messages', 'mail', 'payments', 'calendar', 'crm'));
end $$;
