-- Calls in progress, and those whose end nobody told: a few rows of a big table, looked for every few seconds.
create index call_log_without_end on call_log (started_at) where ended_at is null;
