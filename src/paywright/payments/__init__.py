"""Payments: an intent to move money, from creation to its final outcome.

Owns    payments, payment_attempts, payment_transitions
Calls   challenges, customers, gateway, ledger, risk, screening, idempotency, jobs, events
Emits   payment.recorded, payment.completed, payment.challenged, payment.declined,
        payment.processing, payment.unknown, payment.failed, payment.canceled
Always  a payment is known by one id, and by at most one reference of the caller's own; a transfer
        that succeeded has one movement in the ledger, of the same uuid, and one to another bank
        the hold that the bank's answer resolves
"""
