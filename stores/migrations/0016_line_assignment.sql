-- Lines move between nodes. While one does, the node it leaves keeps it until the next has registered it; the generation
-- tells what a node says of a line it had from what it says of the line that it has.
alter table sip_registration
    alter column bridge_node_id drop not null, -- null: no node has room
    add column leaving_node_id text references sip_bridge_node on delete set null,
    add column generation bigint not null default 1,
    add column moved_at timestamptz not null default now(),
    drop constraint sip_registration_bridge_node_id_fkey,
    add foreign key (bridge_node_id) references sip_bridge_node on delete set null;
create index sip_registration_in_hand_over on sip_registration (leaving_node_id) where leaving_node_id is not null;

-- One form for each number, as domain/phone_numbers.py makes it for what is written from now on. A line whose number
-- another line has in its other spelling keeps its own as it is: which of the two is right only a person knows.
-- The owner is bound by row-level security like everyone else; without this the loop would find no row.
alter table phone_line no force row level security;
alter table restaurant no force row level security;
do $$
declare
    line record;
    wanted text;
begin
    for line in
        select l.id, l.number, l.is_active, c.code, c.prefix, regexp_replace(
            replace(l.number, '(0)', ''), '[\s().\-/]+', '', 'g') as dialled
        from phone_line l join restaurant r on r.id = l.restaurant_id left join (values
            ('AT', '43', '0'), ('BE', '32', '0'), ('BG', '359', '0'), ('CH', '41', '0'), ('DE', '49', '0'),
            ('FI', '358', '0'), ('FR', '33', '0'), ('GB', '44', '0'), ('HR', '385', '0'), ('IE', '353', '0'),
            ('LI', '423', '0'), ('NL', '31', '0'), ('RO', '40', '0'), ('SE', '46', '0'), ('SI', '386', '0'),
            ('SK', '421', '0'), ('UA', '380', '0'), ('GF', '594', '0'), ('GP', '590', '0'), ('MQ', '596', '0'),
            ('RE', '262', '0'), ('YT', '262', '0'), ('AL', '355', '0'), ('RS', '381', '0'), ('TR', '90', '0'),
            ('AU', '61', '0'), ('NZ', '64', '0'), ('MA', '212', '0'), ('CY', '357', ''), ('CZ', '420', ''),
            ('DK', '45', ''), ('EE', '372', ''), ('ES', '34', ''), ('GR', '30', ''), ('IS', '354', ''),
            ('IT', '39', ''), ('LU', '352', ''), ('LV', '371', ''), ('MC', '377', ''), ('MT', '356', ''),
            ('NO', '47', ''), ('PL', '48', ''), ('PT', '351', ''), ('TN', '216', ''), ('HU', '36', '06'),
            ('LT', '370', '0'), ('US', '1', '1'), ('CA', '1', '1')
        ) as c (country, code, prefix) on c.country = r.country
        order by l.is_active desc, l.created_at, l.id
    loop
        wanted := case
            when line.dialled like '00%' then '+' || substr(line.dialled, 3)
            when line.dialled ~ '^\+' then line.dialled
            when line.dialled !~ '^[0-9]{7,}$' or line.code is null then line.number
            when line.dialled like line.code || '%' and length(line.dialled) >= length(line.code) + 8
                and not (line.prefix <> '' and line.dialled like line.prefix || '%') then '+' || line.dialled
            when line.prefix <> '' and line.dialled like line.prefix || '%'
                then '+' || line.code || substr(line.dialled, length(line.prefix) + 1)
            when line.prefix in ('', '1') then '+' || line.code || line.dialled
            else line.number
        end;
        continue when wanted = line.number or wanted !~ '^\+[1-9][0-9]{6,14}$';
        begin
            update phone_line set number = wanted where id = line.id;
        exception when unique_violation then
            raise warning 'phone line % keeps the spelling of its number: phone line % is active with the same one; '
                'switch one of them off', line.id, (select id from phone_line where number = wanted and is_active);
        end;
    end loop;
end $$;
alter table phone_line force row level security;
alter table restaurant force row level security;
