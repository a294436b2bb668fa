-- Challenges: risky payments wait for a code. Nothing that runs reads these tables yet.
set local lock_timeout = '4s';

create table challenges (
    id             uuid        primary key,
    -- Of `payments`, without a foreign key: a challenge may be written before its payment.
    payment_id     uuid        not null,
    subject_kind   text        not null check (subject_kind in ('customer', 'user')),
    subject_id     text        not null,
    method         text        not null check (method in ('otp', 'totp')),
    channel        text        check (channel in ('email', 'sms')),
    status         text        not null check (status in
                               ('open', 'passed', 'locked', 'expired', 'void')),
    -- Amount, currency and the two sides, encrypted: what the code is good for.
    binding        bytea       not null,
    -- HMAC of the code with the id and the binding. A new code replaces it; nobody needs the last.
    code_hash      bytea,
    -- Where the code goes, encrypted: a new one goes to the same address, whoever has changed the
    -- customer meanwhile.
    recipient      bytea,
    tries_left     smallint    not null check (tries_left between 0 and 5),
    resends_left   smallint    not null check (resends_left between 0 and 3),
    created_at     timestamptz not null,
    sent_at        timestamptz not null,
    expires_at     timestamptz not null
                               check (expires_at <= created_at + interval '15 minutes'),
    closed_at      timestamptz check ((closed_at is null) = (status = 'open')),
    check ((method = 'otp') = (channel is not null)),
    check ((method = 'otp' and status = 'open') = (code_hash is not null)),
    check ((code_hash is null) = (recipient is null))
);

-- One challenge at a time: there are never two codes that confirm the same payment.
create unique index challenges_open on challenges (payment_id) where status = 'open';
create index challenges_payment on challenges (payment_id, id desc);
create index challenges_due on challenges (expires_at) where status = 'open';

-- The wrong codes of one who is challenged, over all challenges. Locked by whoever tries a code,
-- so that a thousand tries at once are counted as one after the other.
create table challenge_subjects (
    kind         text          not null check (kind in ('customer', 'user')),
    id           text          not null,
    -- Of the last hour, at most as many as lock.
    wrong_at     timestamptz[] not null default '{}' check (cardinality(wrong_at) <= 10),
    locked_until timestamptz,
    primary key (kind, id)
);

create table totp_enrolments (
    subject_kind   text        not null check (subject_kind in ('customer', 'user')),
    subject_id     text        not null,
    -- Encrypted. The one that counts, and the one that waits for its first code.
    secret         bytea,
    confirmed_at   timestamptz check ((confirmed_at is null) = (secret is null)),
    pending_secret bytea,
    pending_since  timestamptz check ((pending_since is null) = (pending_secret is null)),
    -- The time step of the last code that was accepted: no code works twice.
    last_step      bigint      not null default 0,
    primary key (subject_kind, subject_id),
    check (secret is not null or pending_secret is not null)
);
