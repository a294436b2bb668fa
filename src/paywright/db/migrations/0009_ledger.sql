-- The double-entry ledger. New tables, and payments learn to be transfers between accounts.
set local lock_timeout = '4s';

create table accounts (
    id              uuid        primary key,
    -- The name in the chart of accounts, `bank:partner_bank:EUR`. These are plain checks: all of
    -- them run whenever a balance changes, and a regular expression costs more than the change.
    code            text        unique check (length(code) between 1 and 64),
    name            text        not null check (length(name) <= 200),
    owner           text        not null check (length(owner) between 1 and 64),
    currency        text        not null check (length(currency) = 3),
    kind            text        not null check (kind in ('asset', 'liability', 'income', 'expense')),
    may_go_negative boolean     not null,
    status          text        not null check (status in ('active', 'frozen', 'closed')),
    debits_posted   bigint      not null default 0 check (debits_posted >= 0),
    credits_posted  bigint      not null default 0 check (credits_posted >= 0),
    debits_pending  bigint      not null default 0 check (debits_pending >= 0),
    credits_pending bigint      not null default 0 check (credits_pending >= 0),
    opened_at       timestamptz not null,
    -- When money last moved: no two movements of one account have the same time.
    moved_at        timestamptz not null,
    -- The last line of defence against spending twice: what is held counts as spent.
    constraint accounts_stay_positive check (
        may_go_negative
        or case when kind in ('asset', 'expense')
                then credits_posted + credits_pending <= debits_posted
                else debits_posted + debits_pending <= credits_posted end),
    constraint accounts_closed_empty check (
        status <> 'closed'
        or (debits_posted = credits_posted and debits_pending = 0 and credits_pending = 0))
)
-- Room on each page for new versions of its rows: balances change without touching an index.
with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

create index accounts_owner on accounts (owner, id);

create function accounts_refuse_removal() returns trigger language plpgsql as $$
begin
    raise exception 'accounts are closed, never removed' using errcode = 'integrity_constraint_violation';
end $$;

create trigger accounts_stay before delete on accounts
    for each row execute function accounts_refuse_removal();
create trigger accounts_no_truncate before truncate on accounts
    for each statement execute function accounts_refuse_removal();

-- Movements. No foreign keys to `accounts`: whoever inserts holds the locks of both accounts, which
-- are never removed, and the check would cost a fifth of the insert. `paywright ledger verify` looks.
create table ledger_transfers (
    id                uuid        primary key,
    created_at        timestamptz not null,
    debit_account_id  uuid        not null,
    credit_account_id uuid        not null,
    -- post, post_hold: what moved. hold, release_hold, expire_hold: what was held.
    amount_minor      bigint      not null check (amount_minor > 0),
    -- By how much what is held changed: above 0 for a hold, below for what resolves it.
    held_minor        bigint      not null,
    -- After the movement, in the direction in which the account's kind grows.
    debit_balance     bigint      not null,
    debit_available   bigint      not null,
    credit_balance    bigint      not null,
    credit_available  bigint      not null,
    hold_id           uuid,
    expires_at        timestamptz,
    kind              text        not null check (kind in
                                  ('post', 'hold', 'post_hold', 'release_hold', 'expire_hold')),
    currency          text        not null,
    description       text,
    check (debit_account_id <> credit_account_id),
    check ((hold_id is not null) = (kind in ('post_hold', 'release_hold', 'expire_hold'))),
    check (expires_at is null or kind = 'hold'),
    check (case kind when 'post' then held_minor = 0
                     when 'hold' then held_minor = amount_minor
                     else held_minor < 0 and amount_minor <= -held_minor end)
);

-- These serve statements. Times of one account are distinct, so each is an order, too.
create index ledger_transfers_debit on ledger_transfers (debit_account_id, created_at);
create index ledger_transfers_credit on ledger_transfers (credit_account_id, created_at);
-- A hold is resolved once.
create unique index ledger_transfers_hold on ledger_transfers (hold_id) where hold_id is not null;

create function ledger_refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'ledger transfers are append-only: % refused', lower(tg_op)
        using errcode = 'integrity_constraint_violation';
end $$;

create trigger ledger_transfers_append_only before update or delete on ledger_transfers
    for each row execute function ledger_refuse_change();
create trigger ledger_transfers_no_truncate before truncate on ledger_transfers
    for each statement execute function ledger_refuse_change();

-- Holds that nothing has resolved yet. Derived from `ledger_transfers`, as balances are.
create table open_holds (
    id                uuid        primary key,
    debit_account_id  uuid        not null,
    credit_account_id uuid        not null,
    expires_at        timestamptz
);

create index open_holds_expiry on open_holds (expires_at) where expires_at is not null;
create index open_holds_debit on open_holds (debit_account_id);
create index open_holds_credit on open_holds (credit_account_id);

-- A transfer is a payment between two accounts. Its ledger transfer has the same uuid.
alter table payments add column debit_account_id uuid, add column credit_account_id uuid;
alter table payments add constraint payments_transfer_accounts check (
    kind <> 'transfer' or (debit_account_id is not null and credit_account_id is not null)) not valid;
alter table payments validate constraint payments_transfer_accounts;

-- A transfer has no reference and may have no customer: it shall not pay for their indexes.
alter table payments drop constraint payments_reference_key;
create unique index payments_reference on payments (reference) where reference is not null;
drop index payments_customer;
create index payments_customer on payments (customer_id, created_at desc)
    where customer_id is not null;

-- Checked on every row of the hot path: a regular expression costs more than the rest of the row.
alter table payments drop constraint payments_currency_check;
alter table payments add constraint payments_currency_check check (length(currency) = 3) not valid;
alter table payments validate constraint payments_currency_check;
alter table events drop constraint events_type_check;
alter table events add constraint events_type_check check (type like '_%._%');

-- Some answers are kept as what they are made of: a tenth of their text.
alter table idempotency_keys add column is_recipe boolean not null default false;
-- They are short and read once, if ever: compressing them costs more than it saves.
alter table idempotency_keys alter column body set storage external;
-- Keys differ in their first bytes, scopes hardly ever do: compare keys first.
alter table idempotency_keys drop constraint idempotency_keys_pkey;
alter table idempotency_keys add primary key (key, scope);
