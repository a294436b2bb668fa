"""Payments: an intent to move money, from creation to its final outcome.

Owns    payments, payment_transitions, refunds
Calls   challenges, customers, gateway, ledger, risk, screening, idempotency, jobs, events
Emits   payment.recorded, payment.completed, payment.challenged, payment.declined,
        payment.processing, payment.unknown, payment.failed, payment.canceled, payment.refunded,
        refund.processing, refund.succeeded, refund.unknown, refund.failed
Always  a payment is known by one id, and by at most one reference of the caller's own; a transfer
        that succeeded has one movement in the ledger, of the same uuid, and so has a charge; one
        to another bank has the hold that the bank's answer resolves, and so has a refund
"""
