"""Payments: an intent to move money, from creation to its final outcome.

Owns    payments
Calls   customers, ledger, idempotency, events
Emits   payment.recorded, payment.completed
Always  a payment is known by one id, and by at most one reference of the caller's own; a transfer
        that succeeded has one movement in the ledger, of the same uuid
"""
