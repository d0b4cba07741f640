-- How a line's callers are put through to a human: by its trunk (REFER), by a second leg of the bridge's own, by the
-- first of the two that works, or by a second leg that begins with a summary for whoever answers.
alter table phone_line add column transfers text not null default 'auto'
    check (transfers in ('auto', 'refer', 'second_leg', 'attended'));
grant select (transfers) on phone_line to alloresto_app;
grant update (transfers) on phone_line to alloresto_app;

-- What callers get outside of the opening hours; "answer" is the assistant.
alter table restaurant
    add column when_closed text not null default 'answer'
        check (when_closed in ('answer', 'forward', 'take_message', 'busy')),
    add check (when_closed <> 'forward' or fallback_number <> '');
grant update (when_closed) on restaurant to alloresto_app;
