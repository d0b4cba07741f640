-- A webhook's breaker, as a connection has one: failures in a row, and until when nothing is sent. What fails while it
-- is open says nothing of the message: it is not counted, or an outage would use up the message's attempts.
alter table webhook_endpoint
    add column failures integer not null default 0 check (failures >= 0),
    add column open_until timestamptz;
alter table webhook_delivery add column counted integer not null default 0 check (counted >= 0);
grant update (failures, open_until) on webhook_endpoint to alloresto_app;
grant update (counted) on webhook_delivery to alloresto_app;
