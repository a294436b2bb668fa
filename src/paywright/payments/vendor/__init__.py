"""Vendor payments: a bill, its approvals, and the payout.

Owns    vendor_payments, payments
Calls   approvals, gateway, incidents, ledger, risk, screening, vendors, notifications, idempotency,
        jobs, events
Emits   payment.created, payment.updated, payment.approved, payment.rejected, payment.canceled,
        payment.processing, payment.declined, payment.reminded
Always  what leaves is what was approved: the contents, and where the vendor's money went then; one
        payment is open for an incident and a vendor; a payment that is repeated has a new id
"""
