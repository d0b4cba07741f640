-- The owner is bound by row-level security like everyone else; without this the updates below would find no row.
alter table restaurant no force row level security;
alter table menu_item no force row level security;

alter table restaurant
    add column country char(2) not null default 'FR' check (country ~ '^[A-Z]{2}$'), -- ISO 3166 alpha-2
    add column orders_ahead boolean not null default false,
    add column last_order_minutes integer not null default 0 check (last_order_minutes between 0 and 240),
    -- Beyond these a human takes over. The default is 500.00.
    add column max_order_cents integer not null default 50000 check (max_order_cents > 0),
    add column max_order_items integer not null default 60 check (max_order_items between 1 and 2000),
    add column max_load_minutes integer not null default 120 check (max_load_minutes between 0 and 240);

-- Restaurants were written without a country until now. The time zone says it, for those of which we know the VAT.
update restaurant set country = known.country
from (values
    ('Europe/Amsterdam', 'NL'), ('Europe/Athens', 'GR'), ('Europe/Berlin', 'DE'), ('Europe/Bratislava', 'SK'),
    ('Europe/Brussels', 'BE'), ('Europe/Bucharest', 'RO'), ('Europe/Budapest', 'HU'), ('Europe/Copenhagen', 'DK'),
    ('Europe/Dublin', 'IE'), ('Europe/Helsinki', 'FI'), ('Europe/Lisbon', 'PT'), ('Europe/Ljubljana', 'SI'),
    ('Europe/London', 'GB'), ('Europe/Luxembourg', 'LU'), ('Europe/Madrid', 'ES'), ('Europe/Malta', 'MT'),
    ('Europe/Monaco', 'MC'), ('Europe/Oslo', 'NO'), ('Europe/Paris', 'FR'), ('Europe/Prague', 'CZ'),
    ('Europe/Riga', 'LV'), ('Europe/Rome', 'IT'), ('Europe/Sofia', 'BG'), ('Europe/Stockholm', 'SE'),
    ('Europe/Tallinn', 'EE'), ('Europe/Vaduz', 'LI'), ('Europe/Vienna', 'AT'), ('Europe/Vilnius', 'LT'),
    ('Europe/Warsaw', 'PL'), ('Europe/Zagreb', 'HR'), ('Europe/Zurich', 'CH'), ('Asia/Nicosia', 'CY'),
    ('Atlantic/Azores', 'PT'), ('Atlantic/Canary', 'ES'), ('Atlantic/Madeira', 'PT'), ('Atlantic/Reykjavik', 'IS'),
    ('America/Cayenne', 'GF'), ('America/Guadeloupe', 'GP'), ('America/Martinique', 'MQ'), ('Indian/Mayotte', 'YT'),
    ('Indian/Reunion', 'RE')
) as known (zone, country)
where restaurant.zone = known.zone and known.country <> 'FR';

-- vat_rate_bp stays the rate to take away; until now both were one.
alter table menu_item add column vat_dine_in_bp integer check (vat_dine_in_bp between 0 and 10000);
update menu_item set vat_dine_in_bp = vat_rate_bp;
alter table menu_item alter column vat_dine_in_bp set not null;

alter table restaurant force row level security;
alter table menu_item force row level security;

grant update (
    country, orders_ahead, last_order_minutes, max_order_cents, max_order_items, max_load_minutes
) on restaurant to alloresto_app;
