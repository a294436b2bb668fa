"""Payments: an intent to move money, from creation to its final outcome.

Owns    payments
Calls   customers, events
Emits   payment.recorded
Always  a payment is known by one id, and by at most one reference of the caller's own
"""
