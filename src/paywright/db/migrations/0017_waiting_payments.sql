-- Payments that wait for a code or for another bank, or were declined.
set local lock_timeout = '4s';

-- Who is paid at another bank: name and account as JSON, encrypted.
alter table payments add column beneficiary bytea;

-- What the sweeps look for: few rows at any time, and none of those that succeeded at once.
create index payments_waiting on payments (recorded_at, id)
    where status in ('requires_otp', 'processing', 'unknown');

-- Every change of a status after the payment was made. The first status is that of `before`, or of
-- the payment where there is no transition.
create table payment_transitions (
    payment_id uuid        not null references payments,
    seq        smallint    not null check (seq > 0),
    before     text        not null,
    after      text        not null,
    -- Why, in a word: `otp_passed`, `AC04`.
    reason     text        not null check (length(reason) between 1 and 100),
    actor      text        not null,
    at         timestamptz not null,
    primary key (payment_id, seq),
    check (before <> after)
);

-- What we asked another bank, written down before we asked.
create table payment_attempts (
    payment_id uuid        not null references payments,
    seq        smallint    not null check (seq > 0),
    provider   text        not null,
    call       text        not null check (call in ('submit', 'look_up')),
    -- By the database's clock, both: they tell how long the call took.
    started_at timestamptz not null default clock_timestamp(),
    -- None: the answer never came, or we died before it did.
    ended_at   timestamptz,
    outcome    text        check (outcome in ('approved', 'declined', 'pending', 'lost')),
    code       text        check (length(code) <= 100),
    primary key (payment_id, seq),
    check ((ended_at is null) = (outcome is null))
);

alter table issues drop constraint issues_type_check;
alter table issues add constraint issues_type_check check (type in
    ('decline', 'missed_installment', 'dispute', 'refund_request', 'payment_review')) not valid;
alter table issues validate constraint issues_type_check;
-- A payment may be of somebody who is no customer on file. Callers' issues are still checked.
alter table issues drop constraint issues_customer_id_fkey;
