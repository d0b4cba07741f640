-- The second step of signing in: a time-based code (RFC 6238) from an app, or one of the codes kept for its loss.
create table second_factor (
    user_id uuid primary key references app_user on delete cascade,
    secret_encrypted bytea not null, -- AES-256-GCM, bound to the user
    confirmed_at timestamptz, -- null while it is being set up: then nobody is asked for it
    last_step bigint not null default 0, -- the time step of the last code taken: no code opens twice
    created_at timestamptz not null default now()
);

create table recovery_code (
    user_id uuid not null references app_user on delete cascade,
    code_hash bytea not null check (length(code_hash) = 32), -- SHA-256 of the user's id and 80 random bits
    created_at timestamptz not null default now(),
    primary key (user_id, code_hash)
);

do $$
declare
    name text;
begin
    foreach name in array array['second_factor', 'recovery_code'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy platform on %I to alloresto_platform using (true) with check (true)', name);
        execute format(
            'create policy member on %I to alloresto_app'
            ' using (user_id = current_member()) with check (user_id = current_member())', name
        );
    end loop;
end $$;
grant select, insert, delete on second_factor, recovery_code to alloresto_app;
grant update (secret_encrypted, confirmed_at, last_step, created_at) on second_factor to alloresto_app;
grant select (user_id, confirmed_at, created_at), delete on second_factor to alloresto_platform;
grant select (user_id, created_at), delete on recovery_code to alloresto_platform;
