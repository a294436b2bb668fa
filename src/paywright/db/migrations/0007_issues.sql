-- Payment issues: what went wrong, what the machine decided, what a person said to it.
set local lock_timeout = '4s';

create table issues (
    id               uuid        primary key,
    type             text        not null check (type in
                                 ('decline', 'missed_installment', 'dispute', 'refund_request')),
    status           text        not null check (status in
                                 ('pending', 'processing', 'awaiting_review', 'resolved', 'failed')),
    priority         text        not null check (priority in ('low', 'normal', 'high', 'critical')),
    customer_id      text        not null references customers,
    transaction_id   text        not null,
    details          jsonb       not null,
    opened_by        text        not null,
    created_at       timestamptz not null,
    updated_at       timestamptz not null,
    -- Counts every claim by a worker, whether or not it lived to report: a fencing token, too.
    attempts         integer     not null default 0,
    processing_since timestamptz,
    failure_reason   text,
    resolved_at      timestamptz,
    check ((status = 'processing') = (processing_since is not null)),
    check ((status = 'failed') = (failure_reason is not null)),
    check ((status = 'resolved') = (resolved_at is not null))
);

-- One list per filter, newest first (ids are time-ordered).
create index issues_customer on issues (customer_id, id desc);
create index issues_status on issues (status, id desc);

create table decisions (
    id             uuid        primary key,
    issue_id       uuid        not null unique references issues,  -- decided once
    action         text        not null check (action in
                   ('approve_retry', 'approve_refund', 'send_reminder', 'reject', 'escalate')),
    confidence     smallint    not null check (confidence between 0 and 100),
    reasoning      text        not null,
    policy_applied text        not null,
    policy_version text        not null,
    engine         text        not null check (engine in ('rules', 'ai')),
    routing        text        not null check (routing in
                               ('auto_resolve', 'human_review', 'escalate')),
    inputs         jsonb       not null,
    decided_at     timestamptz not null
);

create table reviews (
    id             uuid        primary key,
    issue_id       uuid        not null unique references issues,  -- reviewed once
    decision       text        not null check (decision in ('approve', 'modify', 'reject')),
    outcome        text        not null check (outcome in ('agreed', 'modified', 'rejected')),
    machine_action text        not null,
    action         text,                                           -- null: nothing is to be done
    comment        text,
    reviewer       text        not null,
    reviewed_at    timestamptz not null
);

-- What is to be done about an issue. `requested` is a promise to act, not a claim to have acted:
-- the slice that executes an action moves it on.
create table issue_actions (
    id           uuid        primary key,
    issue_id     uuid        not null unique references issues,    -- acted upon once
    action       text        not null check (action in
                 ('approve_retry', 'approve_refund', 'send_reminder', 'reject', 'escalate')),
    source       text        not null check (source in ('machine', 'review')),
    status       text        not null check (status in ('requested', 'done', 'failed')),
    parameters   jsonb       not null,
    requested_by text        not null,
    requested_at timestamptz not null,
    updated_at   timestamptz not null
);

-- Serves executors: what has been asked for and not been done.
create index issue_actions_open on issue_actions (requested_at) where status = 'requested';
