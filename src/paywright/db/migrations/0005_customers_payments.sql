-- Customers, and the payments that issues are about.
set local lock_timeout = '4s';

create table customers (
    id             text        primary key check (id ~ '^[A-Za-z0-9_-]{1,64}$'),
    -- AES-256-GCM, see `crypto`: the database never sees a name in the clear.
    name           bytea,
    email          bytea,
    phone          bytea,
    -- HMAC of the normalised address: exact search without decrypting.
    email_index    bytea,
    country        text        check (country ~ '^[A-Z]{2}$'),
    customer_since timestamptz not null,
    created_at     timestamptz not null,
    updated_at     timestamptz not null
);

-- A known text under each key that was ever used: a wrong key is noticed before it writes.
create table encryption_proofs (
    key_id text  primary key,
    proof  bytea not null
);

create index customers_email on customers (email_index) where email_index is not null;

create table payments (
    id           uuid        primary key,
    kind         text        not null check (kind in ('transfer', 'vendor_payment', 'charge')),
    status       text        not null check (status in
                             ('pending_approval', 'requires_otp', 'processing', 'unknown',
                              'succeeded', 'failed', 'declined', 'rejected', 'canceled', 'refunded',
                              'partially_refunded', 'disputed')),
    -- The caller's own name for the payment, by which issues refer to it.
    reference    text        unique check (reference ~ '^[A-Za-z0-9_.:-]{1,64}$'),
    customer_id  text        references customers,
    amount_minor bigint      not null check (amount_minor > 0),
    currency     text        not null check (currency ~ '^[A-Z]{3}$'),
    provider     text,
    failure_code text,
    description  text,
    created_at   timestamptz not null,
    recorded_at  timestamptz not null
);

create index payments_customer on payments (customer_id, created_at desc);
