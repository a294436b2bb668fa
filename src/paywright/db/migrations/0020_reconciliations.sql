-- Reconciliation: what we say that a provider carried out, compared with what its statement says.
set local lock_timeout = '4s';

create table reconciliations (
    id           uuid        primary key,
    provider     text        not null check (length(provider) between 1 and 24),
    -- A day of UTC: [day, day + 1).
    day          date        not null,
    source       text        not null check (source in ('provider', 'file')),
    state        text        not null check (state in ('running', 'completed', 'failed')),
    -- Asked for by the schedule, once for each provider and day.
    is_scheduled boolean     not null default false,
    -- A job works on it; otherwise the process that made it does.
    is_queued    boolean     not null,
    -- Counts claims, and is the fencing token of the lines that a claim loads.
    attempts     integer     not null default 0 check (attempts >= 0),
    -- Progress: lines of either side that have been read, in this attempt.
    lines_read   bigint      not null default 0 check (lines_read >= 0),
    requested_by text        not null,
    requested_at timestamptz not null,
    ended_at     timestamptz,
    failure      text        check (length(failure) <= 500),
    -- By outcome, how often; by currency, counts and sums of both sides.
    outcomes     jsonb       not null default '{}',
    totals       jsonb       not null default '[]',
    differences  bigint      not null default 0 check (differences >= 0),
    -- The same for two runs that found the same differences.
    digest       text,
    check ((state = 'running') = (ended_at is null)),
    check ((state = 'failed') = (failure is not null)),
    check ((state = 'completed') = (digest is not null))
);

-- One at a time by job, and one a day by schedule, however many workers there are.
create unique index reconciliations_queued on reconciliations (provider, day)
    where state = 'running' and is_queued;
create unique index reconciliations_scheduled on reconciliations (provider, day)
    where is_scheduled;
-- The latest of a provider and day; and the list of one provider.
create index reconciliations_day on reconciliations (provider, day, id desc);
create index reconciliations_running on reconciliations (requested_at) where state = 'running';

-- What did not match. What did is only counted.
create table reconciliation_items (
    reconciliation_id  uuid        not null references reconciliations,
    seq                bigint      not null check (seq > 0),
    outcome            text        not null check (outcome in
                       ('missing_here', 'missing_there', 'different_amount', 'duplicate_there')),
    kind               text        not null check (kind in ('payout', 'charge', 'refund')),
    key                text,
    operation_id       uuid,
    payment_id         uuid,
    our_status         text,
    our_reference      text,
    our_amount_minor   bigint,
    our_currency       text,
    our_at             timestamptz,
    their_reference    text,
    their_amount_minor bigint,
    their_currency     text,
    their_at           timestamptz,
    primary key (reconciliation_id, seq)
);

create index reconciliation_items_outcome on reconciliation_items (reconciliation_id, outcome, seq);

-- Both sides of the runs that are under way; emptied when they end. Unlogged: a crash of the server
-- empties it, which a run notices by counting.
create unlogged table reconciliation_lines (
    reconciliation_id uuid        not null,
    attempt           bigint      not null,
    side              text        not null,
    position          bigint      not null,
    kind              text        not null,
    key               text,
    reference         text,
    amount_minor      bigint      not null,
    currency          text        not null,
    at                timestamptz,
    -- Of our side alone.
    operation_id      uuid,
    payment_id        uuid,
    status            text
);

create index reconciliation_lines_run on reconciliation_lines (reconciliation_id);

-- Which line of ours each of theirs goes with, and what became of each line: made and emptied in the
-- transaction that ends a run.
create unlogged table reconciliation_pairs (
    reconciliation_id uuid     not null,
    theirs            bigint   not null,
    ours              bigint   not null,
    -- How well they fit: 0 to 2; 3: the same key, and yet not the same.
    rank              smallint not null,
    is_pair           boolean  not null
);
create unlogged table reconciliation_verdicts (
    reconciliation_id uuid not null,
    outcome           text not null,
    theirs            bigint,
    ours              bigint
);

alter table issues drop constraint issues_type_check;
alter table issues add constraint issues_type_check check (type in
    ('decline', 'missed_installment', 'dispute', 'refund_request', 'payment_review',
     'reconciliation')) not valid;
alter table issues validate constraint issues_type_check;
