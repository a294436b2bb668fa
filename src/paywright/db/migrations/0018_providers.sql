-- What providers are asked, payments and refunds alike, and whether they are worth asking.
set local lock_timeout = '4s';

-- One row a call over the network, retries included. The first of a turn is written before we ask.
alter table payment_attempts rename to provider_attempts;
alter table provider_attempts rename constraint payment_attempts_pkey to provider_attempts_pkey;
-- What is carried out: a payment, or a refund of one. Their uuids are distinct.
alter table provider_attempts add column operation_id uuid;
update provider_attempts set operation_id = payment_id;
alter table provider_attempts alter column operation_id set not null;
alter table provider_attempts drop constraint provider_attempts_pkey;
alter table provider_attempts add constraint provider_attempts_pkey primary key (operation_id, seq);
alter table provider_attempts add column kind text not null default 'payout'
    check (kind in ('payout', 'charge', 'refund'));
-- Of the provider's circuit breaker, when it let the call through.
alter table provider_attempts add column breaker text not null default 'closed'
    check (breaker in ('closed', 'half_open'));
-- Of this exchange alone; `started_at` and `ended_at` are those of the turn, by the clock of the
-- process that called.
alter table provider_attempts add column latency_ms integer check (latency_ms >= 0);
alter table provider_attempts alter column started_at drop default;
alter table provider_attempts alter column kind drop default, alter column breaker drop default;
-- unsent: not a byte left us, so that nothing can have happened. not_found: a look-up's answer.
alter table provider_attempts drop constraint payment_attempts_outcome_check;
alter table provider_attempts add constraint provider_attempts_outcome_check
    check (outcome in ('approved', 'declined', 'pending', 'not_found', 'lost', 'unsent'));

create index provider_attempts_recent on provider_attempts (provider, started_at desc);

-- The state of each provider's circuit breaker, shared by all processes. See gateway/breaker.py.
create table provider_breakers (
    provider     text        primary key check (length(provider) between 1 and 24),
    state        text        not null check (state in ('closed', 'open', 'half_open')),
    -- Counts changes of state: what was let through before one says nothing about the next.
    generation   bigint      not null default 0,
    changed_at   timestamptz not null,
    -- Set by a person, who keeps it so until it is taken back.
    forced       text        check (forced in ('open', 'closed')),
    forced_by    text,
    forced_why   text        check (length(forced_why) <= 500),
    -- While open: not before then.
    open_until   timestamptz,
    -- Openings in a row without closing in between: the cooldown grows with them.
    openings     integer     not null default 0 check (openings >= 0),
    failures_in_a_row integer not null default 0 check (failures_in_a_row >= 0),
    -- The window, a bucket an element: calls and failures, the oldest first.
    window_at    timestamptz not null,
    calls        integer[]   not null default '{}',
    failures     integer[]   not null default '{}',
    -- While half open: until when each probe under way counts as such, and how many succeeded.
    probes_until timestamptz[] not null default '{}',
    probes_passed integer    not null default 0 check (probes_passed >= 0),
    -- When the next of those that wait may come: they are spaced, so that they drain evenly.
    drain_at     timestamptz,
    check ((forced is null) = (forced_by is null)),
    check (forced is null or state = forced),
    check (state <> 'open' or open_until is not null or forced = 'open'),
    check (cardinality(calls) = cardinality(failures))
-- Few rows that change all the time: room on their page keeps them there.
) with (fillfactor = 10);
