-- How many orders nobody has closed is counted over 60 days only: without an end it was looked for in every month that
-- there is, at every request of a board, which took Postgres longer than all else that the board asks for.
create or replace function board_state(
    token_hash bytea, idle interval, owner uuid, since timestamptz, closed_since timestamptz, closed_limit integer,
    left_open_limit integer, carts_since timestamptz, carts_limit integer
)
    returns table (session jsonb, restaurant text, shown text)
    language plpgsql volatile
    -- Planning over the months' partitions takes ten times as long as looking into them.
    set plan_cache_mode = force_generic_plan
as $$
declare
    orders text;
    left_open text;
    carts text;
begin
    if current_restaurant() <> owner then
        raise insufficient_privilege using message = 'board_state: this transaction is of another restaurant';
    end if;
    perform set_config('app.restaurant_id', owner::text, true);
    select string_agg(o.id::text || ' ' || o.version, ',' order by o.confirmed_at, o.id) into orders from (
        (select id, confirmed_at, xmin::text as version from "order"
            where status in ('confirmed', 'preparing', 'ready') and confirmed_at >= since)
        union all
        (select id, confirmed_at, xmin::text from "order"
            where status in ('done', 'cancelled') and confirmed_at >= closed_since
            order by confirmed_at desc, id limit closed_limit)
    ) o;
    select count(*) into left_open from (
        select from "order" where status in ('confirmed', 'preparing', 'ready') and confirmed_at < since
            and confirmed_at >= since - interval '60 days' -- stores/kitchen.py's LEFT_OPEN_WITHIN
        limit left_open_limit
    ) o;
    select string_agg(c.id || ' ' || c.version, ',' order by c.started_at, c.id) into carts from (
        select id, started_at, xmin::text as version from call_log
        where unconfirmed_encrypted is not null and started_at >= carts_since and followed_up <> 'settled'
        order by started_at desc, id limit carts_limit
    ) c;
    return query select
        (select to_jsonb(s) from use_session(token_hash, idle) s),
        (select r.xmin::text from public.restaurant r where r.id = owner),
        md5(concat_ws('/', closed_since, orders, left_open, carts));
end $$;
