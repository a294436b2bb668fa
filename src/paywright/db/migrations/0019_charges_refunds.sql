-- Charges that we make ourselves, refunds of them, and what a provider calls either.
set local lock_timeout = '4s';

-- The provider's own name for what it carried out.
alter table payments add column provider_reference text check (length(provider_reference) <= 200);
-- The provider's token for a card or an account, `pm_…`. Never a card number.
alter table payments add column payment_method text check (length(payment_method) between 1 and 100);
-- When we learned that a provider had carried it out. Transfers within our books have none.
alter table payments add column settled_at timestamptz;
-- The idempotency key of the request for a charge: its answer is told once it is known.
alter table payments add column request_key text check (length(request_key) between 1 and 255);

create index payments_settled on payments (provider, settled_at) where settled_at is not null;
create index payments_charges on payments (id) where kind = 'charge' and request_key is not null;

-- It is written in one transaction with its payment, or after it: the check would cost a look-up of
-- each on the hot path. `paywright ledger verify` looks.
alter table provider_attempts drop constraint payment_attempts_payment_id_fkey;

create table refunds (
    -- What the ledger holds for it has the same uuid.
    id                 uuid        primary key,
    payment_id         uuid        not null references payments,
    status             text        not null check (status in
                                   ('processing', 'unknown', 'succeeded', 'failed')),
    amount_minor       bigint      not null check (amount_minor > 0),
    currency           text        not null check (length(currency) = 3),
    reason             text        check (length(reason) <= 200),
    failure_code       text        check (length(failure_code) <= 100),
    provider           text        not null,
    provider_reference text        check (length(provider_reference) <= 200),
    request_key        text        not null check (length(request_key) between 1 and 255),
    created_by         text        not null,
    created_at         timestamptz not null,
    settled_at         timestamptz
);

create index refunds_payment on refunds (payment_id, id);
create index refunds_settled on refunds (provider, settled_at) where settled_at is not null;
create index refunds_waiting on refunds (created_at, id) where status in ('processing', 'unknown');
