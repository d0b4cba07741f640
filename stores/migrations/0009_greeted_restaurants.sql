-- What the callers of every restaurant with an active line hear first, for the hourly look at the rendered
-- greetings. The renderer works on the app role, which sees one restaurant at a time; of all the others it may
-- learn this and nothing else: what a caller is told anyhow, and the id under which the audio is kept.
create function greeted_restaurants(after_id uuid, page integer)
    returns table (id uuid, name text, language text, greeting text, voice text, record_calls boolean)
    language sql stable security definer set search_path = pg_catalog, public, pg_temp
begin atomic
    select r.id, r.name, r.language, r.greeting, r.voice, r.record_calls
    from restaurant r
    where r.id > after_id and exists (select from phone_line l where l.restaurant_id = r.id and l.is_active)
    order by r.id limit least(page, 1000);
end;
grant execute on function greeted_restaurants(uuid, integer) to alloresto_app;

-- It runs as the owner, who is bound by row-level security like everyone else (restaurant has such a policy).
create policy greeted on phone_line for select to current_user using (true);
