-- How the assistant speaks, and whether it offers one thing more.
alter table restaurant
    add column style text not null default 'warm' check (style in ('warm', 'brief', 'formal')),
    add column upsell boolean not null default false;
grant update (style, upsell) on restaurant to alloresto_app;
