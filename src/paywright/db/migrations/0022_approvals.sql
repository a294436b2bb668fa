-- Approvals: who has approved what, and who may in whose stead.
set local lock_timeout = '4s';

create table approvals (
    id           uuid        primary key,
    subject_kind text        not null check (subject_kind in ('payment', 'vendor_change')),
    subject_id   uuid        not null,
    -- Of what was approved. An approval of other contents counts for nothing.
    content_hash bytea       not null check (length(content_hash) = 32),
    -- Who approved, by which credential, in which role.
    person       text        not null,
    actor        text        not null,
    role         text        not null,
    -- Whose right was used: the person's own, or that of somebody who delegated it.
    principal    text        not null,
    delegation_id uuid,
    comment      text        check (length(comment) <= 500),
    at           timestamptz not null,
    -- The version of the policies by which it counted then.
    policy_version text      not null,
    -- The payment that this one repeats, whose approval is carried over.
    carried_from uuid,
    unique (subject_id, content_hash, person),
    unique (subject_id, content_hash, principal)
);

-- Somebody lets somebody else approve for them, for a while.
create table approval_delegations (
    id          uuid        primary key,
    delegator   text        not null,
    delegate    text        not null,
    -- The role in which the delegate approves: that of the delegator.
    role        text        not null,
    amount_max_minor bigint check (amount_max_minor > 0),
    currency    text        check (currency ~ '^[A-Z]{3}$'),
    reason      text        not null check (length(reason) between 1 and 500),
    starts_at   timestamptz not null,
    expires_at  timestamptz not null,
    created_at  timestamptz not null,
    ended_at    timestamptz,
    ended_by    text,
    check (delegator <> delegate),
    check (starts_at < expires_at),
    check ((amount_max_minor is null) = (currency is null)),
    check ((ended_at is null) = (ended_by is null))
);

create index approval_delegations_delegate on approval_delegations (delegate, expires_at);
create index approval_delegations_delegator on approval_delegations (delegator, expires_at);
