-- What callers asked the assistant to tell the team: with the call, as a message after the tone is, and forgotten with it.
alter table call_log add column messages_encrypted bytea;

drop index call_log_with_words;
create index call_log_with_words on call_log (started_at)
    where transcript <> '[]' or recording <> '' or unconfirmed_encrypted is not null or messages_encrypted is not null;

-- The functions that forget, and that say what is still to be forgotten, name the column beside the cart's.
do $$
declare
    made text;
begin
    made := replace(pg_get_functiondef('sweep_erasure(uuid)'::regprocedure),
        'unconfirmed_encrypted = null', 'unconfirmed_encrypted = null, messages_encrypted = null');
    made := replace(made, 'unconfirmed_encrypted is not null)',
        'unconfirmed_encrypted is not null or messages_encrypted is not null)');
    execute made;
    execute replace(pg_get_functiondef('month_state(date)'::regprocedure),
        'or unconfirmed_encrypted is not null', 'or unconfirmed_encrypted is not null or messages_encrypted is not null');
end $$;
