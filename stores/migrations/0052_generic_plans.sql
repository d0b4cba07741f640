-- A statement over years of orders is planned over all their months: on 10 million orders that took ten times as long as
-- running it. The admin's and the functions' statements are always of one restaurant, so one plan is as good for all
-- of them: it is made once a connection, and what months are left out is found as it runs.
alter role alloresto_app set plan_cache_mode = force_generic_plan;
