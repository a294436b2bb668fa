-- What reports read. Read-only: `reporting` owns these views, not the tables behind them.
set local lock_timeout = '4s';

-- Vendor payments that have ended as payouts: carried out, or refused by the provider.
create view report_payouts as
    select id, vendor_id, payer_type, currency, amount_minor, true as is_paid,
           settled_at as ended_at
      from payments
     where kind = 'vendor_payment' and settled_at is not null
    union all
    select payments.id, vendor_id, payer_type, currency, amount_minor, false,
           payment_transitions.at
      from payments
      join payment_transitions on payment_transitions.payment_id = payments.id
                              and payment_transitions.after = 'failed'
     where kind = 'vendor_payment' and status = 'failed' and settled_at is null;

-- What incidents cost: what was paid for them, and what may still be.
create view report_costs as
    select id, incident_id, vendor_id, currency, amount_minor, created_at,
           settled_at is not null as is_paid
      from payments
     where kind = 'vendor_payment' and incident_id is not null
       and (settled_at is not null or status in ('pending_approval', 'processing', 'unknown'));

-- What waits for an approval.
create view report_pending as
    select id, vendor_id, currency, amount_minor, created_at
      from payments
     where kind = 'vendor_payment' and status = 'pending_approval';

-- What was approved, and when. A payment that repeats another one was not waited for.
create view report_approved as
    select payments.id, vendor_id, currency, created_at, approved_at
      from vendor_payments
      join payments on payments.id = vendor_payments.payment_id
     where approved_at is not null and replaces is null;
