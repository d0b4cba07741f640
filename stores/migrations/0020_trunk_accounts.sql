-- Trunks as they are in the wild: a digest user of its own, a proxy on the way, another transport, encrypted audio.
alter table phone_line add column sip_auth_username text not null default '', -- '': that of the registration
    add column sip_outbound_proxy text not null default '', -- host or host:port
    add column sip_transport text not null default 'udp' check (sip_transport in ('udp', 'tcp', 'tls')),
    add column srtp text not null default 'off' check (srtp in ('off', 'optional', 'required'));

grant select (sip_auth_username, sip_outbound_proxy, sip_transport, srtp) on phone_line to alloresto_app;
grant update (sip_auth_username, sip_outbound_proxy, sip_transport, srtp) on phone_line to alloresto_app;
