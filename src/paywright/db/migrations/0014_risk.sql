-- Risk: what was found of each payment and on what, how much each customer moves, exemptions.
set local lock_timeout = '4s';

-- Written with the payment, so every byte counts: nothing fired in the ordinary case.
create table risk_assessments (
    payment_id    uuid        not null,
    at            timestamptz not null,   -- a payment that waited for a code is assessed twice
    payer         text,                   -- null: the house
    payee         text,                   -- null: the house, or outside
    score         smallint    not null check (score >= 0),
    level         text        not null check (level in ('low', 'high', 'blocked')),
    rules_version text        not null,   -- of the rule set `risk-rules`
    generation    bigint      not null,   -- of the sanctions lists
    exemption_id  uuid,
    -- [[rule, points, reason, is waived, is failed], …]
    fired         json,
    -- Values only; their names are in the code (`rule_set.VARIABLES`), which only ever adds some.
    facts         json        not null,
    -- The list entries that an outside payee may be.
    matches       json,
    primary key (payment_id, at),
    check ((level = 'low' or fired is not null))
);

-- These serve lists: of a customer, and of what was not let through just so.
create index risk_assessments_payer on risk_assessments (payer, payment_id) where payer is not null;
create index risk_assessments_level on risk_assessments (level, payment_id) where level <> 'low';

create function risk_refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'risk assessments are append-only: % refused', lower(tg_op)
        using errcode = 'integrity_constraint_violation';
end $$;

create trigger risk_assessments_append_only before update or delete on risk_assessments
    for each row execute function risk_refuse_change();
create trigger risk_assessments_no_truncate before truncate on risk_assessments
    for each statement execute function risk_refuse_change();

-- One row a customer who pays. Derived: it could be counted again from the assessments.
create table risk_profiles (
    customer_id text    primary key,
    day         date    not null,                           -- of `count` and `sums`, in UTC
    count       integer not null check (count >= 0),
    sums        json    not null,                           -- minor units by currency
    slots       json    not null                            -- payments by five minutes
)
-- Changed with every payment, without touching an index.
with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

create table risk_exemptions (
    id               uuid        primary key,
    customer_id      text        not null check (length(customer_id) between 1 and 64),
    rule_id          text        check (length(rule_id) between 1 and 63),
    payee            text        check (length(payee) between 1 and 64),
    currency         text        check (length(currency) = 3),
    amount_max_minor bigint      check (amount_max_minor > 0),
    reason           text        not null check (length(reason) between 1 and 500),
    granted_by       text        not null,
    granted_at       timestamptz not null,
    expires_at       timestamptz not null,
    ended_by         text,
    ended_at         timestamptz,
    check (expires_at > granted_at),
    check ((currency is null) = (amount_max_minor is null)),
    check ((ended_by is null) = (ended_at is null))
);

create index risk_exemptions_customer on risk_exemptions (customer_id, id);
-- The hot path asks for those that may be in force.
create index risk_exemptions_open on risk_exemptions (customer_id) where ended_at is null;
