-- Vendors, whom we pay for work; changes of where their money goes; incidents, what the work was for.
set local lock_timeout = '4s';

create table vendors (
    -- The caller's own name for the vendor.
    id             text        primary key check (id ~ '^[A-Za-z0-9_-]{1,64}$'),
    name           text        not null check (length(name) between 1 and 140),
    status         text        not null default 'active' check (status in ('active', 'blocked')),
    -- Why it was blocked, or is active again.
    status_reason  text        check (length(status_reason) between 1 and 500),
    -- Where the money goes: a beneficiary as JSON, encrypted.
    payout         bytea       not null,
    -- The account of it, masked, for people who compare.
    payout_masked  text        not null,
    -- HMAC of the account: whether two vendors have the same one.
    payout_index   bytea       not null,
    -- Counts changes of `payout`: what was approved for one version is not approved for another.
    payout_version integer     not null default 1 check (payout_version > 0),
    payout_changed_at timestamptz not null,
    -- No payout leaves for this vendor before then.
    paused_until   timestamptz,
    -- immediate: paid as soon as it is approved; run: with the next payment run.
    payout_mode    text        not null default 'immediate'
                               check (payout_mode in ('immediate', 'run')),
    -- Days from the date of a bill until it is due.
    terms_days     integer     check (terms_days between 0 and 365),
    created_by     text        not null,
    created_at     timestamptz not null,
    updated_at     timestamptz not null
);

create index vendors_account on vendors (payout_index);

-- A change of where a vendor's money goes, which somebody else has to approve.
create table vendor_changes (
    id            uuid        primary key,
    vendor_id     text        not null references vendors,
    status        text        not null check (status in
                              ('pending', 'approved', 'rejected', 'withdrawn', 'expired')),
    payout        bytea       not null,
    payout_masked text        not null,
    payout_index  bytea       not null,
    -- What it replaces, of which version. It stays here once it is replaced.
    payout_before bytea       not null,
    payout_version integer    not null check (payout_version > 0),
    -- The pause that was in force before: what a change that comes to nothing leaves behind.
    paused_before timestamptz,
    -- What is approved: a keyed digest of this change, its vendor, and both payouts.
    content_hash  bytea       not null check (length(content_hash) = 32),
    reason        text        not null check (length(reason) between 1 and 500),
    -- The person who asked for it, and by which credential.
    requested_by  text        not null,
    requested_as  text        not null,
    requested_at  timestamptz not null,
    -- Nobody can approve it from then on.
    expires_at    timestamptz not null check (expires_at > requested_at),
    decided_by    text,
    decided_at    timestamptz,
    decided_why   text        check (length(decided_why) <= 500),
    check ((status = 'pending') = (decided_at is null))
);

create unique index vendor_changes_open on vendor_changes (vendor_id) where status = 'pending';
create index vendor_changes_vendor on vendor_changes (vendor_id, id);
create index vendor_changes_pending on vendor_changes (id) where status = 'pending';
create index vendor_changes_due on vendor_changes (expires_at) where status = 'pending';

create table incidents (
    -- The caller's own name for it, as that of a work order.
    id         text        primary key check (id ~ '^[A-Za-z0-9_.:-]{1,64}$'),
    status     text        not null check (status in ('open', 'closed')),
    opened_at  timestamptz not null,
    closed_at  timestamptz,
    updated_at timestamptz not null,
    check ((status = 'closed') = (closed_at is not null))
);

-- Who stands behind a key: four eyes are those of two people, not of two credentials of one.
alter table api_keys add column person text check (length(person) between 1 and 200);
