-- How far the renewing of what older keys have written has come, so that it goes on after an interruption.
create table key_rotation (
    key_name text not null check (key_name <> ''), -- of the key that everything is to be written with
    table_name text not null,
    position jsonb not null default '[]', -- the primary key of the last row that was looked at, each part as text
    seen bigint not null default 0,
    renewed bigint not null default 0,
    left_over bigint not null default 0, -- changed by somebody else meanwhile
    unreadable bigint not null default 0,
    finished_at timestamptz,
    primary key (key_name, table_name)
);
alter table key_rotation enable row level security;
alter table key_rotation force row level security;
create policy platform on key_rotation to alloresto_platform using (true) with check (true);
grant select, insert, update, delete on key_rotation to alloresto_platform;

-- Sealed with a key of its own, and of no use without MASTER_KEY and a password. Read and written by the rotation alone.
grant select (secret_encrypted), update (secret_encrypted) on second_factor to alloresto_platform;
