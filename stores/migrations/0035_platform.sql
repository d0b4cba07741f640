-- What the platform's own staff set. A disabled restaurant has no members and its lines don't ring; paused_lines are
-- those to switch on again.
alter table restaurant
    add column disabled_at timestamptz,
    add column paused_lines uuid[] not null default '{}';

-- What is agreed with a restaurant, in staff's words, which its own pages never read.
create table tenant_plan (
    restaurant_id uuid primary key references restaurant on delete cascade,
    plan text not null default '' check (length(plan) <= 60),
    notes text not null default '' check (length(notes) <= 2000)
);
alter table tenant_plan enable row level security;
alter table tenant_plan force row level security;
create policy platform on tenant_plan to alloresto_platform using (true) with check (true);
grant select, insert, update on tenant_plan to alloresto_platform;

create or replace function memberships_of(wanted_user uuid)
    returns table (restaurant_id uuid, restaurant_name text, role text)
    language sql stable security definer set search_path = pg_catalog, public, pg_temp
begin atomic
    select r.id, r.name, m.role
    from membership m join restaurant r on r.id = m.restaurant_id
    where m.user_id = wanted_user and r.disabled_at is null order by r.name, r.id;
end;

create or replace function use_session(wanted_hash bytea, idle interval)
    returns table (
        session_id uuid, user_id uuid, email text, name text, is_platform boolean, memberships jsonb,
        acting_in uuid, acting_restaurant text, acting_reason text, acting_until timestamptz
    )
    language sql volatile security definer set search_path = pg_catalog, public, pg_temp
begin atomic
    update user_session s set last_seen_at = now()
    where s.token_hash = wanted_hash and s.last_seen_at < now() - interval '1 minute'
        and s.last_seen_at > now() - idle and s.expires_at > now();
    select s.id, u.id, u.email, u.name, u.is_platform,
        coalesce((
            select jsonb_agg(jsonb_build_array(r.id, r.name, m.role) order by r.name, r.id)
            from membership m join restaurant r on r.id = m.restaurant_id where m.user_id = u.id
                and r.disabled_at is null
        ), '[]'),
        a.id, a.name, s.acting_reason, s.acting_until
    from user_session s
    join app_user u on u.id = s.user_id
    left join restaurant a on a.id = s.acting_in and s.acting_until > now() and u.is_platform
    where s.token_hash = wanted_hash and u.disabled_at is null
        and s.expires_at > now() and s.last_seen_at > now() - idle;
end;

-- Asked for by staff and not by the node: its lines move to others although it lives. Kept until it is taken back.
alter table sip_bridge_node add column drain_asked_at timestamptz;

-- The feed of events names what was taken; '' is from before this.
alter table processed_event add column type text not null default '';

-- The model that a call was held with, '' where none is known; and each day's sums, which a page can read without
-- reading every call. Days are UTC's, as the bills of those who sell the models are.
alter table call_log add column model text not null default '' check (length(model) <= 120);
create table daily_cost (
    restaurant_id uuid not null references restaurant on delete cascade,
    day date not null,
    model text not null,
    calls bigint not null,
    duration_ms bigint not null,
    cost_dollars numeric(14, 6) not null,
    primary key (day, restaurant_id, model)
);
create index daily_cost_by_restaurant on daily_cost (restaurant_id, day);

-- Two writers know parts of a call, and each may write again: what is added is the difference. A call counts from the
-- moment that its model is known. Both of a statement's writers are one row each, so locks are taken call by call.
create function add_to_daily_cost() returns trigger language plpgsql security definer
    set search_path = pg_catalog, public, pg_temp
as $$
begin
    if tg_op = 'INSERT' then
        insert into daily_cost as d (restaurant_id, day, model, calls, duration_ms, cost_dollars)
        select n.restaurant_id, (n.started_at at time zone 'UTC')::date, n.model, count(*),
            sum(coalesce(n.duration_ms, 0)), sum(n.cost_dollars)
        from new_rows n where n.model <> '' group by 1, 2, 3 order by 1, 2, 3
        on conflict (day, restaurant_id, model) do update set calls = d.calls + excluded.calls,
            duration_ms = d.duration_ms + excluded.duration_ms, cost_dollars = d.cost_dollars + excluded.cost_dollars;
    else
        insert into daily_cost as d (restaurant_id, day, model, calls, duration_ms, cost_dollars)
        select changed.restaurant_id, changed.day, changed.model, sum(changed.calls), sum(changed.duration_ms),
            sum(changed.cost_dollars)
        from (
            select n.restaurant_id, (n.started_at at time zone 'UTC')::date as day, n.model, 1 as calls,
                coalesce(n.duration_ms, 0) as duration_ms, n.cost_dollars
            from new_rows n where n.model <> ''
            union all
            select o.restaurant_id, (o.started_at at time zone 'UTC')::date, o.model, -1,
                -coalesce(o.duration_ms, 0), -o.cost_dollars
            from old_rows o where o.model <> ''
        ) as changed
        group by 1, 2, 3
        having sum(changed.calls) <> 0 or sum(changed.duration_ms) <> 0 or sum(changed.cost_dollars) <> 0
        order by 1, 2, 3
        on conflict (day, restaurant_id, model) do update set calls = d.calls + excluded.calls,
            duration_ms = d.duration_ms + excluded.duration_ms, cost_dollars = d.cost_dollars + excluded.cost_dollars;
    end if;
    return null;
end $$;
create trigger add_to_daily_cost after insert on call_log
    referencing new table as new_rows for each statement execute function add_to_daily_cost();
create trigger change_daily_cost after update on call_log
    referencing old table as old_rows new table as new_rows for each statement execute function add_to_daily_cost();

alter table daily_cost enable row level security;
alter table daily_cost force row level security;
create policy platform on daily_cost to alloresto_platform using (true) with check (true);
create policy tenant on daily_cost for select to alloresto_app using (restaurant_id = current_restaurant());
create policy counting on daily_cost to current_user using (true) with check (true); -- the trigger runs as the owner
grant select on daily_cost to alloresto_app, alloresto_platform;

-- The audit log over all restaurants, by restaurant or person.
create index audit_log_by_actor on audit_log (actor, id desc);
