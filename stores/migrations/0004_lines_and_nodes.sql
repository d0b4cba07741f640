create table phone_line (
    id uuid primary key default gen_random_uuid(),
    restaurant_id uuid not null references restaurant on delete cascade,
    number text not null check (number ~ '^\+?[0-9A-Za-z._-]{2,64}$'),
    provider text not null check (provider in ('sip', 'twilio')),
    sip_domain text not null default '',
    sip_username text not null default '',
    sip_password text not null default '', -- base64(iv):base64(tag):base64(ciphertext); see stores/ciphers.py
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    unique (restaurant_id, id)
);
create unique index phone_line_by_number on phone_line (number) where is_active; -- a number rings in one place
create index phone_line_by_restaurant on phone_line (restaurant_id, created_at);

create table sip_bridge_node (
    id text primary key check (length(id) between 1 and 253),
    hostname text not null,
    pod_ip text not null default '',
    registrations_count integer not null default 0 check (registrations_count >= 0),
    max_registrations integer not null default 200 check (max_registrations >= 0),
    status text not null default 'healthy' check (status in ('healthy', 'draining', 'down')),
    last_heartbeat timestamptz not null default now(),
    created_at timestamptz not null default now()
);
create index sip_bridge_node_by_load on sip_bridge_node (status, registrations_count);

create table sip_registration (
    id uuid primary key default gen_random_uuid(),
    restaurant_id uuid not null,
    phone_line_id uuid not null unique,
    bridge_node_id text not null references sip_bridge_node on delete cascade,
    sip_uri text not null,
    status text not null default 'unregistered' check (status in ('registered', 'unregistered', 'error')),
    error text not null default '',
    registered_at timestamptz,
    foreign key (restaurant_id, phone_line_id) references phone_line (restaurant_id, id) on delete cascade
);
create index sip_registration_by_node on sip_registration (bridge_node_id);
create index sip_registration_by_restaurant on sip_registration (restaurant_id);

create table ai_worker_node (
    id text primary key check (length(id) between 1 and 253),
    hostname text not null,
    pod_ip text not null default '',
    status text not null default 'idle' check (status in ('idle', 'busy', 'draining')),
    current_restaurant_id uuid references restaurant on delete set null,
    current_call_id text,
    started_at timestamptz not null default now(),
    last_heartbeat timestamptz not null default now(),
    check ((status = 'busy') = (current_call_id is not null) or status = 'draining')
);
create index ai_worker_node_by_heartbeat on ai_worker_node (last_heartbeat);
create index ai_worker_node_by_restaurant on ai_worker_node (current_restaurant_id);
