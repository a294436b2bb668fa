-- Vendor payments: what is paid for, by whom it was asked for, and how it leaves.
set local lock_timeout = '4s';

alter table payments add column vendor_id text;
alter table payments add column incident_id text;
alter table payments add column payer_type text;

create table vendor_payments (
    payment_id      uuid        primary key,
    -- The person who asked for it, and everybody who has edited it since: none of them approves it.
    created_by      text        not null,
    makers          text[]      not null check (cardinality(makers) > 0),
    -- [{"description", "quantity", "unit_price_minor"}]
    lines           jsonb       not null,
    metadata        jsonb       not null,
    work_order      text        check (length(work_order) between 1 and 64),
    bill_number     text        check (length(bill_number) between 1 and 64),
    -- Of the vendor, the currency and the number: the same for all numbers that this one may be
    -- mistaken for, INV-10025 and 10052. The first 64 bits of a digest.
    family_key      bigint,
    bill_date       date,
    due_date        date,
    -- What an approval is bound to.
    content_hash    bytea       not null check (length(content_hash) = 32),
    revision        integer     not null default 1 check (revision > 0),
    -- Of the vendor's payout details, when the contents were last hashed.
    payout_version  integer     not null check (payout_version > 0),
    -- The bill that it resembles, and why it is none of the same.
    resembles       uuid,
    override_reason text        check (length(override_reason) between 1 and 500),
    -- Approvals that are needed, as of the last time somebody looked.
    approvals_needed smallint   not null check (approvals_needed > 0),
    -- Risk asked for one more approver.
    is_high_risk    boolean     not null default false,
    rejected_why    text        check (length(rejected_why) between 1 and 500),
    approved_at     timestamptz,
    -- Not before then, while the vendor's payouts are paused; null: with the next run, or at once.
    release_at      timestamptz,
    -- From then on a provider may have it, and it cannot be taken back.
    released_at     timestamptz,
    run_id          uuid,
    -- The payment that this one repeats, because that one failed or could not leave.
    replaces        uuid,
    attempt         smallint    not null default 1 check (attempt between 1 and 100),
    reminded_at     timestamptz,
    check ((resembles is null) = (override_reason is null))
);

create unique index vendor_payments_replaces on vendor_payments (replaces)
    where replaces is not null;
create index vendor_payments_waiting on vendor_payments (payment_id)
    where approved_at is not null and released_at is null;
create index vendor_payments_run on vendor_payments (run_id, payment_id) where run_id is not null;
create index vendor_payments_family on vendor_payments (family_key, payment_id)
    where family_key is not null;

-- One open payment for an incident and a vendor.
create unique index payments_open_for_incident on payments (incident_id, vendor_id)
    where incident_id is not null
      and status in ('pending_approval', 'processing', 'unknown');
-- The queue, by age, and lists by what people look for. UUIDv7: the id sorts by creation.
create index payments_pending on payments (id) where status = 'pending_approval';
create index payments_vendor on payments (vendor_id, id) where vendor_id is not null;
create index payments_incident on payments (incident_id, id) where incident_id is not null;
create index payments_vendor_status on payments (status, id) where vendor_id is not null;
create index payments_vendor_all on payments (id) where vendor_id is not null;
-- Bills of one vendor with much the same amount.
create index payments_vendor_amount on payments (vendor_id, currency, amount_minor, id)
    where vendor_id is not null;

create view pending_approvals as
    select payments.id, payments.vendor_id, payments.incident_id, payments.payer_type,
           payments.amount_minor, payments.currency, payments.created_at,
           now() - payments.created_at as age,
           vendor_payments.created_by, vendor_payments.bill_number, vendor_payments.due_date,
           vendor_payments.approvals_needed, vendor_payments.is_high_risk,
           -- The vendor's bank details have changed: approvals of what it was count no more.
           coalesce(vendors.payout_version <> vendor_payments.payout_version, false) as is_stale,
           case when vendors.payout_version <> vendor_payments.payout_version then 0
                else (select count(*) from approvals
                       where approvals.subject_id = payments.id
                         and approvals.content_hash = vendor_payments.content_hash)
                end as approvals_given,
           vendor_payments.makers, vendor_payments.content_hash
      from payments
     -- Not a join: a merge of both would read every vendor payment that was ever made.
     cross join lateral (select * from vendor_payments where payment_id = payments.id limit 1)
                as vendor_payments
      left join lateral (select payout_version from vendors where id = payments.vendor_id limit 1)
                as vendors on true
     where payments.status = 'pending_approval';

create view payment_summary as
    select kind, status, currency, count(*) as payments, sum(amount_minor) as amount_minor,
           min(created_at) as oldest_at, max(created_at) as newest_at
      from payments
     group by kind, status, currency;
