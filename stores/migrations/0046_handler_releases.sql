-- A new Revision of the call handler that takes a share of the calls first. Of the platform, not of a restaurant.
create table handler_release (
    id uuid primary key default gen_random_uuid(),
    stable text not null check (stable <> ''), -- Revisions' names
    candidate text not null check (candidate <> '' and candidate <> stable),
    stable_url text not null check (stable_url ~ '^https?://'), -- each Revision's own, by its traffic tag
    candidate_url text not null check (candidate_url ~ '^https?://'),
    share smallint not null check (share between 0 and 100), -- per cent of the restaurants
    state text not null default 'trial' check (state in ('trial', 'returned', 'promoted', 'withdrawn')),
    why text not null default '',
    began_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    check (state <> 'returned' or share = 0)
);
create unique index handler_release_on_trial on handler_release (state) where state = 'trial'; -- one at a time
create index handler_release_by_time on handler_release (began_at);
alter table handler_release enable row level security;
alter table handler_release force row level security;
create policy platform on handler_release to alloresto_platform using (true) with check (true);
grant select, insert, update on handler_release to alloresto_platform;

-- What became of the calls of the release that is on trial, once each.
create table handler_trial (
    release_id uuid not null references handler_release on delete cascade,
    call_id text not null,
    is_candidate boolean not null,
    failure text check (failure in ('refused', 'silent', 'failed', 'lost', 'silence')), -- null: none
    counted_at timestamptz not null default now(),
    primary key (release_id, call_id)
);
alter table handler_trial enable row level security;
alter table handler_trial force row level security;
create policy platform on handler_trial to alloresto_platform using (true) with check (true);
grant select, insert, update, delete on handler_trial to alloresto_platform;
