-- A synthetic caller's restaurant, what became of its calls, and what the status page shows.

-- Set by the platform alone: the app role has no grant on the column. It never goes back, and a restaurant that has
-- people or orders can't get it, so that no real order is ever taken for a rehearsal.
alter table restaurant add column is_synthetic boolean not null default false;

create function guard_synthetic_mark() returns trigger language plpgsql as $$
begin
    if old.is_synthetic then
        raise exception 'a synthetic restaurant stays one' using errcode = 'check_violation';
    end if;
    if exists (select from membership where restaurant_id = new.id)
        or exists (select from order_key where restaurant_id = new.id) then
        raise exception 'a restaurant with people or orders does not become synthetic' using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger guard_synthetic_mark before update of is_synthetic on restaurant
    for each row when (old.is_synthetic is distinct from new.is_synthetic) execute function guard_synthetic_mark();

-- Nobody belongs to it, no screen and no address is told of it, and no order of it lies where kitchens look, whichever
-- release writes.
create function refuse_for_synthetic() returns trigger language plpgsql as $$
begin
    if (select is_synthetic from restaurant where id = new.restaurant_id) then
        raise exception 'a synthetic restaurant has no %', tg_table_name using errcode = 'check_violation';
    end if;
    return new;
end $$;
create trigger refuse_for_synthetic before insert on membership for each row execute function refuse_for_synthetic();
create trigger refuse_for_synthetic before insert on invitation for each row execute function refuse_for_synthetic();
create trigger refuse_for_synthetic before insert on device for each row execute function refuse_for_synthetic();
create trigger refuse_for_synthetic before insert on api_token for each row execute function refuse_for_synthetic();
create trigger refuse_for_synthetic before insert on webhook_endpoint for each row execute function refuse_for_synthetic();
create trigger refuse_for_synthetic before insert on "order" for each row execute function refuse_for_synthetic();

-- What a caller of a synthetic restaurant agreed to: read by the synthetic caller, and by nobody's kitchen.
create table rehearsed_order (
    id uuid primary key,
    restaurant_id uuid not null references restaurant on delete cascade,
    call_id text not null check (call_id <> ''),
    fulfilment text not null,
    currency text not null,
    total_cents integer not null,
    lines jsonb not null, -- [{"name", "quantity", "totalCents"}]
    confirmed_at timestamptz not null
);
create index rehearsed_order_by_time on rehearsed_order (confirmed_at);
alter table rehearsed_order enable row level security;
alter table rehearsed_order force row level security;
create policy platform on rehearsed_order to alloresto_platform using (true) with check (true);
create policy tenant on rehearsed_order to alloresto_app
    using (restaurant_id = current_restaurant()) with check (restaurant_id = current_restaurant());
create policy reading on rehearsed_order to current_user using (true); -- the synthetic caller's functions run as the owner
grant select, insert on rehearsed_order to alloresto_app;
grant select, insert, delete on rehearsed_order to alloresto_platform;

-- Every event of a synthetic restaurant says so, whoever emits it.
create function mark_synthetic_event() returns trigger language plpgsql as $$
begin
    if (select is_synthetic from restaurant where id = new.restaurant_id) then
        new.event := new.event || '{"synthetic": "true"}';
    end if;
    return new;
end $$;
create trigger mark_synthetic_event before insert on outbox
    for each row when (new.restaurant_id is not null) execute function mark_synthetic_event();

-- A call of the synthetic caller. stage is how far it got: '' is all the way.
create table synthetic_call (
    id bigint generated always as identity primary key,
    started_at timestamptz not null,
    failed_at text not null check (failed_at in ('', 'answer', 'greeting', 'reply', 'order', 'content')),
    why text not null default '' check (length(why) <= 200),
    answer_ms integer,
    greeting_ms integer,
    reply_ms integer,
    seconds double precision not null check (seconds >= 0)
);
create index synthetic_call_by_time on synthetic_call (started_at desc);
alter table synthetic_call enable row level security;
alter table synthetic_call force row level security;
create policy platform on synthetic_call for select to alloresto_platform using (true);
create policy recording on synthetic_call to current_user using (true) with check (true);
grant select on synthetic_call to alloresto_platform;

-- The synthetic caller's own role: two functions, and no table.
do $$
begin
    if not exists (select from pg_roles where rolname = 'alloresto_synthetic') then -- roles belong to the whole cluster
        begin
            create role alloresto_synthetic login;
        exception
            when duplicate_object or unique_violation then
                null;
        end;
    end if;
    alter role alloresto_synthetic set lock_timeout = '5s';
    alter role alloresto_synthetic set statement_timeout = '10s';
end $$;
grant usage on schema public to alloresto_synthetic;

-- The newest order that was rehearsed since a moment.
create function rehearsed_since(since timestamptz)
    returns table (fulfilment text, currency text, total_cents integer, lines jsonb)
    language sql stable security definer set search_path = pg_catalog, public, pg_temp
begin atomic
    select o.fulfilment, o.currency, o.total_cents, o.lines from rehearsed_order o
        where o.confirmed_at >= since order by o.confirmed_at desc limit 1;
end;

create function record_synthetic_call(
    started_at timestamptz, failed_at text, why text, answer_ms integer, greeting_ms integer, reply_ms integer,
    seconds double precision
) returns void language sql volatile security definer set search_path = pg_catalog, public, pg_temp
begin atomic
    delete from synthetic_call where started_at < now() - interval '90 days';
    delete from rehearsed_order where confirmed_at < now() - interval '7 days';
    insert into synthetic_call (started_at, failed_at, why, answer_ms, greeting_ms, reply_ms, seconds)
        values (
            record_synthetic_call.started_at, record_synthetic_call.failed_at, record_synthetic_call.why,
            record_synthetic_call.answer_ms, record_synthetic_call.greeting_ms, record_synthetic_call.reply_ms,
            record_synthetic_call.seconds
        );
end;
revoke execute on function rehearsed_since(timestamptz) from public;
revoke execute on function
    record_synthetic_call(timestamptz, text, text, integer, integer, integer, double precision) from public;
grant execute on function rehearsed_since(timestamptz) to alloresto_synthetic;
grant execute on function
    record_synthetic_call(timestamptz, text, text, integer, integer, integer, double precision) to alloresto_synthetic;

-- The status page. Of the platform, and public: nothing of a restaurant is in it.
create table component_status (
    component text primary key,
    state text not null check (state in ('up', 'degraded', 'down')),
    since timestamptz not null,
    looked_at timestamptz not null
);
-- How long a component was how, of a day in UTC; what is missing of a day's seconds nobody knows.
create table component_day (
    component text not null,
    day date not null,
    up_s double precision not null default 0,
    degraded_s double precision not null default 0,
    down_s double precision not null default 0,
    primary key (component, day)
);
create table incident (
    id uuid primary key default gen_random_uuid(),
    impact text not null check (impact in ('degraded', 'down', 'maintenance')),
    components text[] not null,
    title_fr text not null check (length(title_fr) <= 200),
    title_en text not null check (length(title_en) <= 200),
    started_at timestamptz not null,
    ended_at timestamptz,
    check (title_fr <> '' or title_en <> ''),
    check (ended_at is null or ended_at >= started_at)
);
create index incident_by_time on incident (started_at desc);
create table incident_note (
    id bigint generated always as identity primary key,
    incident_id uuid not null references incident on delete cascade,
    at timestamptz not null default now(),
    text_fr text not null check (length(text_fr) <= 2000),
    text_en text not null check (length(text_en) <= 2000),
    check (text_fr <> '' or text_en <> '')
);
create index incident_note_of on incident_note (incident_id, at);
do $$
declare
    name text;
begin
    foreach name in array array['component_status', 'component_day', 'incident', 'incident_note'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy platform on %I to alloresto_platform using (true) with check (true)', name);
        execute format('create policy everybody on %I for select to alloresto_app using (true)', name);
        execute format('grant select, insert, update, delete on %I to alloresto_platform', name);
        execute format('grant select on %I to alloresto_app', name);
    end loop;
end $$;
