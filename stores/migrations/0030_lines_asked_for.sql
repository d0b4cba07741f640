-- A restaurant may have its trunk asked at once, and not only when its pause is over: the node that has the line sees it
-- by this moment.
alter table phone_line add column asked_at timestamptz;
grant select (asked_at), update (asked_at) on phone_line to alloresto_app;
