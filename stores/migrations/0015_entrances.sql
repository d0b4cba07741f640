-- Lines that ring without SIP: an Asterisk's AudioSocket, told apart by its UUID, and a Twilio number, whose requests
-- are signed with the account's auth token.
alter table phone_line drop constraint phone_line_provider_check;
alter table phone_line add constraint phone_line_provider_check check (provider in ('sip', 'twilio', 'audiosocket'));
alter table phone_line add column audiosocket_uuid uuid;
alter table phone_line add column twilio_auth_token text not null default ''; -- sealed as sip_password is
alter table phone_line add constraint phone_line_audiosocket_check
    check ((provider = 'audiosocket') = (audiosocket_uuid is not null));
create unique index phone_line_by_audiosocket on phone_line (audiosocket_uuid) where is_active;

-- As with sip_password: the token is set and never read by a restaurant's staff. Whoever knows the UUID can call.
grant select (audiosocket_uuid) on phone_line to alloresto_app;
grant update (audiosocket_uuid, twilio_auth_token) on phone_line to alloresto_app;
