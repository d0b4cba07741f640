-- The role that backups are taken by. Row-level security does not bind it, since a dump that is bound by it is a dump
-- without most of its rows; it may read what is here and change nothing.
do $$
begin
    if not exists (select from pg_roles where rolname = 'alloresto_backup') then -- roles belong to the whole cluster
        begin
            create role alloresto_backup login bypassrls;
        exception
            when duplicate_object or unique_violation then
                null;
            when insufficient_privilege then -- an owner who is not bypassrls can't give it
                create role alloresto_backup login;
        end;
    end if;
    alter role alloresto_backup set default_transaction_read_only = on;
    alter role alloresto_backup set lock_timeout = '60s';
    if not (select rolbypassrls from pg_roles where rolname = 'alloresto_backup') then
        raise warning 'no backups yet: as a superuser, run  alter role alloresto_backup bypassrls';
    end if;
end $$;

grant usage on schema public to alloresto_backup;
grant select on all tables in schema public to alloresto_backup;
grant select on all sequences in schema public to alloresto_backup;
-- What later migrations and ensure_partitions make, too: both work as the owner.
alter default privileges in schema public grant select on tables to alloresto_backup;
alter default privileges in schema public grant select on sequences to alloresto_backup;

-- What became of the backups, for the metrics of those who are always up. Of the platform, not of a restaurant.
create table backup_run (
    finished_at timestamptz primary key default now(),
    name text not null check (name <> ''), -- in the object storage
    sealed_bytes bigint not null check (sealed_bytes > 0),
    seconds double precision not null check (seconds >= 0), -- with its verification
    row_count bigint not null check (row_count >= 0)
);
alter table backup_run enable row level security;
alter table backup_run force row level security;
create policy platform on backup_run for select to alloresto_platform using (true);
create policy recording on backup_run to current_user using (true) with check (true);
grant select on backup_run to alloresto_platform;

-- Its one way to write: as the owner, who is bound like everyone else.
create function record_backup(name text, sealed_bytes bigint, seconds double precision, row_count bigint) returns void
    language sql volatile security definer set search_path = pg_catalog, public, pg_temp
begin atomic
    delete from backup_run where finished_at < now() - interval '90 days';
    insert into backup_run (name, sealed_bytes, seconds, row_count)
        values (record_backup.name, record_backup.sealed_bytes, record_backup.seconds, record_backup.row_count);
end;
grant execute on function record_backup(text, bigint, double precision, bigint) to alloresto_backup;
