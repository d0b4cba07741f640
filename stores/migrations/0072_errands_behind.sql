-- What an errand waits behind, for a while: the other subject whose errands go first. A till hears that an order is
-- cancelled before it hears of the one in its place.
alter table errand add column behind text not null default '' check (length(behind) <= 128);
grant select (behind), insert (behind) on errand to alloresto_app;
