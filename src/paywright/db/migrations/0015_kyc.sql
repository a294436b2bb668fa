-- KYC: what was asked about a customer, by whom, and where the customer stands.
set local lock_timeout = '4s';

create table kyc_checks (
    id                 uuid        primary key,
    customer_id        text        not null references customers,
    provider           text        not null,  -- or by_hand
    -- The provider's own name for the check; null until it has told us.
    provider_reference text,
    status             text        not null check (status in
                                   ('unverified', 'pending', 'verified', 'rejected')),
    reason             text        check (length(reason) <= 500),
    -- HMAC of the name and the country that were checked: a verdict is about these alone.
    subject_index      bytea       not null check (length(subject_index) = 32),
    requested_at       timestamptz not null,
    requested_by       text        not null,
    attempts           integer     not null default 0 check (attempts >= 0),
    ask_at             timestamptz,  -- when to ask the provider again
    decided_at         timestamptz,
    decided_by         text,
    expires_at         timestamptz,  -- of a verdict that says verified
    check ((status = 'pending') = (decided_at is null)),
    check ((status = 'pending') = (ask_at is not null)),
    check ((status = 'verified') = (expires_at is not null))
);

-- One open check for a customer; the last line of defence against paying for two.
create unique index kyc_checks_open on kyc_checks (customer_id) where status = 'pending';
create index kyc_checks_due on kyc_checks (ask_at) where status = 'pending';
create index kyc_checks_customer on kyc_checks (customer_id, id desc);

-- Where each customer stands: what the hot path reads, one row by its key. Derived from
-- `kyc_checks`, and written in the same transactions. No row: unverified.
create table kyc_standings (
    customer_id text        primary key references customers,
    status      text        not null check (status in
                            ('unverified', 'pending', 'verified', 'rejected')),
    since       timestamptz not null,
    -- The check that decided it; null while none has.
    check_id    uuid        references kyc_checks,
    -- Of a verification: when it ends, and whom it was about, as in `kyc_checks`.
    expires_at    timestamptz,
    subject_index bytea,
    check ((status = 'verified') = (expires_at is not null)),
    check ((status = 'verified') = (subject_index is not null))
);

create index kyc_standings_expiring on kyc_standings (expires_at) where status = 'verified';
