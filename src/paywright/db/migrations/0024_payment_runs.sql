-- Payment runs: what leaves together, at a time, by a provider's API or as a file for a bank.
set local lock_timeout = '4s';

create table payment_runs (
    id             uuid        primary key,
    -- provider: each payment is handed to its provider; file: a bank is given a pain.001.
    method         text        not null check (method in ('provider', 'file')),
    -- collected: chosen, and nothing has left; released: handed to the provider, or the file was
    -- taken out; completed: all of it has succeeded or failed.
    status         text        not null check (status in
                               ('collected', 'released', 'completed', 'canceled')),
    currency       text        not null check (currency ~ '^[A-Z]{3}$'),
    payments       integer     not null check (payments > 0),
    amount_minor   bigint      not null check (amount_minor > 0),
    execution_date date        not null,
    -- Of the file: what the bank's answer refers to.
    message_id     text        not null unique check (length(message_id) between 1 and 35),
    -- SHA-256 of the file, once it was taken out: it is the same each time.
    file_hash      bytea       check (length(file_hash) = 32),
    -- Who pays in the file, as it was when the run was made: settings may change before the file is
    -- taken out once more.
    debtor_name    text,
    debtor_iban    text,
    debtor_bic     text,
    created_by     text        not null,
    created_at     timestamptz not null,
    released_at    timestamptz,
    completed_at   timestamptz,
    check ((method = 'file') = (debtor_iban is not null)),
    check ((debtor_name is null) = (debtor_iban is null)),
    check ((status in ('released', 'completed')) = (released_at is not null))
);

create index payment_runs_released on payment_runs (id) where status = 'released';

-- What banks have answered to files: each report once.
create table payment_run_reports (
    id           uuid        primary key,
    run_id       uuid        not null references payment_runs,
    message_id   text        not null,
    file_hash    bytea       not null check (length(file_hash) = 32),
    group_status text,
    -- What came of it, in numbers of payments.
    settled      integer     not null,
    failed       integer     not null,
    pending      integer     not null,
    unchanged    integer     not null,
    -- Lines that changed nothing, and why; lines against what had come to its end before.
    unmatched    jsonb       not null,
    contradicting jsonb      not null,
    received_by  text        not null,
    received_at  timestamptz not null,
    unique (run_id, file_hash)
);

-- The moments at which runs were made by themselves: each once, by all workers together.
create table payment_run_slots (
    slot_at timestamptz primary key
);
