-- A connection that is switched off is told nothing more, but what was told before goes on at the other side: somebody
-- pays on a page that is open, or wants no more texts. That is heard; a till that is off moves no orders.
create or replace function hook_of(wanted uuid)
    returns table (restaurant_id uuid, provider text, secrets_encrypted bytea)
    language sql stable security definer set search_path = pg_catalog, public, pg_temp
as $$
    select c.restaurant_id, c.provider, c.secrets_encrypted from public.service_connection c
    where c.id = wanted and (c.disabled_at is null or c.service in ('payments', 'messages'))
$$;
