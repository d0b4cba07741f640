-- Who changed what, with what it was before. Written in the transaction of the change and never changed afterwards.
-- Secrets and callers' personal data do not belong here: before and after hold what the restaurant's own pages show.
create table audit_log (
    id bigint generated always as identity primary key,
    restaurant_id uuid references restaurant on delete cascade, -- null for what concerns no single restaurant
    at timestamptz not null default now(),
    actor text not null check (actor <> ''), -- a user's e-mail address, or the name of a token
    acting_for text not null default '', -- the platform user behind an impersonated member
    action text not null check (action ~ '^[a-z_]+\.[a-z_]+$'), -- menu.price_changed
    subject text not null default '', -- the id of what was changed
    before jsonb,
    after jsonb
);
create index audit_log_by_restaurant on audit_log (restaurant_id, id desc);
create index audit_log_by_subject on audit_log (restaurant_id, subject, id desc);

alter table audit_log enable row level security;
alter table audit_log force row level security;
create policy platform on audit_log to alloresto_platform using (true) with check (true);
create policy tenant on audit_log to alloresto_app
    using (restaurant_id = current_restaurant()) with check (restaurant_id = current_restaurant());
grant select, insert on audit_log to alloresto_app, alloresto_platform;
grant delete on audit_log to alloresto_platform; -- retention
