-- Notices are known again for as long as their senders repeat them, not for ever.
create index received_notice_by_time on received_notice (at);
