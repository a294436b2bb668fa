-- API keys: who may call us.
set local lock_timeout = '4s';

create table api_keys (
    id          uuid        primary key,
    name        text        not null check (length(name) between 1 and 100),
    role        text        not null check (role in
                            ('viewer', 'dispatcher', 'approver', 'reviewer', 'operator', 'admin')),
    -- SHA-256 of the key. A key carries 256 random bits, so a slow hash would protect nothing.
    secret_hash bytea       not null unique check (length(secret_hash) = 32),
    created_by  text        not null,
    created_at  timestamptz not null,
    expires_at  timestamptz,
    revoked_at  timestamptz
);
