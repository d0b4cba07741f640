-- A month of orders and calls that is old enough leaves for object storage as Parquet, and may come back. The role that
-- carries it sees the columns that tell of nobody, and no others; what it may change is in the functions below.
do $$
begin
    if not exists (select from pg_roles where rolname = 'alloresto_archive') then -- roles belong to the whole cluster
        begin
            create role alloresto_archive login;
        exception when duplicate_object or unique_violation then
            null;
        end;
    end if;
    alter role alloresto_archive set lock_timeout = '10s';
    alter role alloresto_archive set idle_in_transaction_session_timeout = '10min';
end $$;
grant usage on schema public to alloresto_archive;

grant select (id, restaurant_id, number, call_id, status, fulfilment, fee_cents, currency, total_cents, vat,
    confirmed_at, promised_at, forgotten_at, status_changed_at, cancel_reason) on "order" to alloresto_archive;
grant select (restaurant_id, order_id, confirmed_at, line, item_id, name, size_id, size_name, quantity, unit_cents,
    total_cents, vat_rate_bp, modifiers, parts) on order_item to alloresto_archive;
grant select (id, started_at, restaurant_id, phone_line_id, bridge_node_id, outcome, attempts, answered_at, joined_at,
    ended_at, duration_ms, missed_reason, usage, cost_dollars, order_id, followed_up, followed_up_at, model, tools, upsell,
    marks) on call_log to alloresto_archive;
grant select (id) on restaurant to alloresto_archive;
grant select (id) on phone_line to alloresto_archive;
create policy archiving on "order" for select to alloresto_archive using (true);
create policy archiving on order_item for select to alloresto_archive using (true);
create policy archiving on call_log for select to alloresto_archive using (true);
create policy archiving on restaurant for select to alloresto_archive using (true);
create policy archiving on phone_line for select to alloresto_archive using (true);

-- The months that object storage has. Of the platform, not of a restaurant.
create table archived_month (
    month date primary key check (extract(day from month) = 1),
    archived_at timestamptz not null default now(),
    back_at timestamptz, -- it is in the database again
    row_counts jsonb not null -- by table
);
alter table archived_month enable row level security;
alter table archived_month force row level security;
create policy platform on archived_month for select to alloresto_platform using (true);
create policy archiving on archived_month for select to alloresto_archive using (true);
create policy recording on archived_month to current_user using (true) with check (true);
grant select on archived_month to alloresto_platform, alloresto_archive;

-- What makes an order unique, and that it was counted, is not needed of a month that is gone: it follows in batches.
grant select (order_id, confirmed_at), delete on order_key, order_log to alloresto_archive;
do $$
declare
    name text;
begin
    foreach name in array array['order_key', 'order_log'] loop
        execute format(
            'create policy archiving on %I to alloresto_archive using (exists (select from archived_month m'
            ' where m.month = date_trunc(''month'', confirmed_at at time zone ''UTC'')::date and m.back_at is null))', name
        );
    end loop;
end $$;

-- The owner, as whom the functions below run, is bound by row-level security as well, and so is its look at whether what
-- a month that comes back refers to is there. It is let to see that while attach_month runs.
create policy coming_back on "order" for select to current_user
    using (current_setting('app.month_comes_back', true) = 'yes');
create policy coming_back on phone_line for select to current_user
    using (current_setting('app.month_comes_back', true) = 'yes');
create policy coming_back on order_key for insert to current_user
    with check (current_setting('app.month_comes_back', true) = 'yes');

create function partition_of(parent text, wanted date) returns text language sql immutable parallel safe
    return parent || '_' || to_char(wanted, 'YYYY_MM');

-- The months that are in partitions of their own, by the calls' table, which has one for each that the others have.
create function partitioned_months() returns setof date language sql stable
    set search_path = pg_catalog, public, pg_temp
begin atomic
    select to_date(right(c.relname::text, 7), 'YYYY_MM') from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'public.call_log'::regclass and c.relname ~ '^call_log_\d{4}_\d\d$' order by 1;
end;

-- A month's rows by table: how many, a sum over the transactions that wrote them, and how many still tell of somebody.
-- Whatever is written anew has a later transaction, so that number and sum together tell of any change, and cheaply.
create function month_state(wanted date) returns table (part text, row_count bigint, written numeric, personal bigint)
    language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
    told text;
begin
    foreach part in array array['order', 'order_item', 'call_log'] loop
        told := case part
            when 'order' then 'forgotten_at is null or customer_id is not null or customer_name_encrypted is not null'
                ' or address_encrypted is not null or allergies_encrypted is not null or cancel_note <> '''''
            when 'order_item' then 'note <> '''''
            else 'caller_encrypted is not null or caller_hash is not null or transcript <> ''[]'' or recording <> '''''
                ' or unconfirmed_encrypted is not null' end;
        execute format(
            'select count(*), coalesce(sum(xmin::text::bigint), 0), count(*) filter (where %s) from public.%I',
            told, partition_of(part, wanted)
        ) into row_count, written, personal;
        return next;
    end loop;
end $$;

-- Take a month out of the database. `expected` is what month_state said of it in the snapshot that was archived: a row
-- that anybody has changed since, or one that still tells of somebody, and nothing goes.
create function drop_month(wanted date, expected jsonb) returns void
    language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp set lock_timeout = '2s'
    set enable_hashjoin = off set enable_mergejoin = off -- Postgres looks for lines of these orders: by their index
as $$
declare
    parent text;
    found jsonb;
begin
    if wanted > date_trunc('month', now() at time zone 'UTC') - interval '2 months' then
        raise exception '% is not old enough', wanted using errcode = 'invalid_parameter_value';
    end if;
    perform pg_advisory_xact_lock(724502); -- ensure_partitions'
    -- First of all what everybody locks first: nobody is left waiting for a partition with a lock that detach needs.
    lock table "order", order_item, call_log in access exclusive mode;
    select jsonb_object_agg(s.part, jsonb_build_array(s.row_count, s.written::text, s.personal)) into found
    from month_state(wanted) s;
    if found is distinct from expected or exists (select from jsonb_each(found) f where f.value ->> 2 <> '0') then
        raise exception '% has changed since it was read', wanted using errcode = 'serialization_failure';
    end if;
    foreach parent in array array['order_item', 'order', 'call_log'] loop
        execute format('alter table public.%I detach partition public.%I', parent, partition_of(parent, wanted));
        execute format('drop table public.%I', partition_of(parent, wanted));
    end loop;
    insert into archived_month (month, row_counts)
    select wanted, jsonb_object_agg(f.key, f.value -> 0) from jsonb_each(found) f
    on conflict (month) do update set archived_at = now(), back_at = null, row_counts = excluded.row_counts;
end $$;

-- Tables for an archived month to be loaded into, of nobody's but the archive's role. Those of an attempt that was cut
-- short are made anew.
create function open_month(wanted date) returns void
    language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp set lock_timeout = '2s'
as $$
declare
    parent text;
    made text;
begin
    if not exists (select from archived_month where month = wanted) then
        raise exception '% is not archived', wanted using errcode = 'invalid_parameter_value';
    end if;
    perform pg_advisory_xact_lock(724502);
    foreach parent in array array['order_item', 'order', 'call_log'] loop
        made := partition_of(parent, wanted);
        if exists (select from pg_class where oid = to_regclass(format('public.%I', made)) and relispartition) then
            raise exception '% is in the database', wanted using errcode = 'duplicate_table';
        end if;
        execute format('drop table if exists public.%I', made);
        execute format('create table public.%I (like public.%I including all)', made, parent);
        execute format('alter table public.%I enable row level security', made);
        execute format('create policy loading on public.%I to alloresto_archive using (true) with check (true)', made);
        execute format('grant select, insert on public.%I to alloresto_archive', made);
    end loop;
end $$;

-- What was loaded becomes the month again; `expected` is how many rows each table has to have. No trigger counts them:
-- the figures of the month have never gone.
create function attach_month(wanted date, expected jsonb) returns void
    language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp set lock_timeout = '2s'
    set enable_hashjoin = off set enable_mergejoin = off -- each line's order is found by its index
as $$
declare
    parent text;
    made text;
    found jsonb;
    first_day timestamptz := wanted::timestamp at time zone 'UTC';
    next_day timestamptz := (wanted::timestamp + interval '1 month') at time zone 'UTC';
begin
    perform set_config('app.month_comes_back', 'yes', true);
    perform pg_advisory_xact_lock(724502);
    lock table "order", order_item, call_log in share row exclusive mode; -- as above: before the new partitions
    select jsonb_object_agg(s.part, s.row_count) into found from month_state(wanted) s;
    if found is distinct from expected then
        raise exception '% was not loaded whole: %', wanted, found using errcode = 'invalid_parameter_value';
    end if;
    foreach parent in array array['order', 'order_item', 'call_log'] loop
        made := partition_of(parent, wanted);
        execute format('drop policy loading on public.%I', made);
        execute format('revoke all on public.%I from alloresto_archive', made);
        execute format(
            'alter table public.%I attach partition public.%I for values from (%L) to (%L)',
            parent, made, first_day, next_day
        );
    end loop;
    execute format(
        'insert into order_key (restaurant_id, call_id, order_id, confirmed_at)'
        ' select restaurant_id, call_id, id, confirmed_at from public.%I on conflict do nothing',
        partition_of('order', wanted)
    );
    update archived_month set back_at = now() where month = wanted;
    perform set_config('app.month_comes_back', '', true);
end $$;
grant execute on function partition_of(text, date), partitioned_months(), month_state(date), drop_month(date, jsonb),
    open_month(date), attach_month(date, jsonb) to alloresto_archive;
