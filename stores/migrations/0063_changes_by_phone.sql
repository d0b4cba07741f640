-- Until when an order may be changed or cancelled by phone. A change is a cancellation and a new order in one
-- transaction: each says which ticket the other has.
alter table restaurant
    add column changes_until text not null default 'started' check (changes_until in ('never', 'started', 'ready'));
grant update (changes_until) on restaurant to alloresto_app;

alter table "order"
    add column replaces_number integer not null default 0,
    add column replaced_by_number integer not null default 0;
grant update (replaces_number, replaced_by_number) on "order" to alloresto_app;
