-- What is marked of a call by rule when it is over: how it ended, whether an order was read back and its total said, when
-- the caller was told that an AI speaks, the longest silence, and a summary. Nothing personal: it outlives the transcript.
alter table call_log
    add column marks jsonb not null default '{}' check (jsonb_typeof(marks) = 'object');
