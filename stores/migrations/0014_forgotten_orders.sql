-- The owner is bound by row-level security like everyone else; without this the update below would find no row.
alter table restaurant no force row level security;

-- Who ordered, and where to, is forgotten after its days; the order stays, as accounts must. Until then a delivery has
-- an address.
alter table "order"
    add column forgotten_at timestamptz,
    drop constraint order_check1,
    add constraint order_address_check
        check (forgotten_at is not null or (fulfilment = 'delivery') = (address_encrypted is not null));
create index order_not_forgotten on "order" (confirmed_at) where forgotten_at is null;

-- Migration 0010 took a restaurant for French whose time zone it did not know. Without a country it bears no VAT of
-- another one's: ZZ is what ISO 3166 leaves for "unknown". What was written after that migration has its own country.
alter table restaurant alter column country set default 'ZZ';
update restaurant set country = 'ZZ'
where country = 'FR' and zone not in ('Europe/Paris', 'Europe/Monaco')
    and created_at <= (select applied_at from schema_migration where name = '0010_countries_and_limits.sql');
do $$
declare
    unknown text;
begin
    select string_agg(id::text, ', ' order by id) into unknown from restaurant where country = 'ZZ';
    if unknown is not null then
        raise warning 'restaurants without a country, whose delivery fees bear no VAT until they have one: %', unknown;
    end if;
end $$;

alter table restaurant force row level security;
