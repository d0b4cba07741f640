-- Which voice engines may serve a restaurant's callers, in the order in which they take over from one another.
alter table restaurant
    add column engines text[] not null default '{}' check (cardinality(engines) <= 8);
grant update (engines) on restaurant to alloresto_app;
