-- How long a restaurant keeps what tells of people, where that is less than the platform does: days, null for as long
-- as the platform. done_at: when what was older was last let go of, null when the days have changed since.
create table retention_choice (
    restaurant_id uuid primary key references restaurant on delete cascade,
    transcript_days integer check (transcript_days > 0),
    recording_days integer check (recording_days > 0),
    customer_days integer check (customer_days > 0),
    done_at timestamptz
);

alter table retention_choice enable row level security;
alter table retention_choice force row level security;
create policy platform on retention_choice to alloresto_platform using (true) with check (true);
create policy tenant on retention_choice to alloresto_app
    using (restaurant_id = current_restaurant()) with check (restaurant_id = current_restaurant());
grant select, insert, update on retention_choice to alloresto_app;
grant select, insert, update, delete on retention_choice to alloresto_platform;
