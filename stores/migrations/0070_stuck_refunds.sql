-- What an alert counts every few seconds: refunds that have not gone back.
create index deposit_to_send_back on deposit (changed_at) where state = 'refund_due';
create index errand_refund_open on errand (created_at) where kind = 'payment.refund' and state in ('waiting', 'failed');
