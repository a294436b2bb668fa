"""Customers: who pays, and what we may know of them.

Owns    customers, encryption_proofs
Calls   events
Emits   customer.registered, customer.changed
Always  personal data is encrypted field by field and never appears in an event or a log
"""
