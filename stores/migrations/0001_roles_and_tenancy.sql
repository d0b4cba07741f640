-- Two roles log in. alloresto_app sees one restaurant at a time: the one named by app.restaurant_id, set for
-- the length of a transaction. alloresto_platform sees them all. Neither owns anything or may alter anything.
-- Roles belong to the whole cluster, so another database may have made them already.
do $$
declare
    role_name text;
begin
    foreach role_name in array array['alloresto_app', 'alloresto_platform'] loop
        begin
            execute format('create role %I login', role_name);
        exception when duplicate_object or unique_violation then
            null;
        end;
        execute format('alter role %I set statement_timeout = %L', role_name, '30s');
        execute format('alter role %I set lock_timeout = %L', role_name, '10s');
        execute format('alter role %I set idle_in_transaction_session_timeout = %L', role_name, '60s');
    end loop;
end $$;

create extension if not exists btree_gist; -- one table can't be booked twice: equality beside overlap

revoke all on schema public from public;
grant usage on schema public to alloresto_app, alloresto_platform;
alter default privileges revoke execute on functions from public;

-- The restaurant of this transaction; null outside of one, and then no row matches. Once the transaction that
-- set it is over, the setting is an empty string and not null.
create function current_restaurant() returns uuid
    language sql stable parallel safe
    return nullif(current_setting('app.restaurant_id', true), '')::uuid;
grant execute on function current_restaurant() to alloresto_app, alloresto_platform;
