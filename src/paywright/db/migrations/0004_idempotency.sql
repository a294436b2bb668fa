-- Answers already given, by idempotency key. Claimed in the transaction of the effect itself.
set local lock_timeout = '4s';

create table idempotency_keys (
    scope       text        not null,
    key         text        not null check (length(key) between 1 and 255),
    fingerprint bytea       not null,
    status      smallint    not null,
    body        bytea       not null,
    created_at  timestamptz not null,
    primary key (scope, key)
);

-- Serves the retention sweep.
create index idempotency_keys_age on idempotency_keys using brin (created_at);
