"""Vendors: whom we pay for work, and where their money goes.

Owns    vendors, vendor_changes
Calls   approvals, rulesets, gateway (which providers there are), jobs, idempotency, events
Emits   vendor.registered, vendor.changed, vendor.blocked, vendor.unblocked,
        vendor_change.requested, vendor_change.approved, vendor_change.rejected,
        vendor_change.withdrawn, vendor_change.expired, approval.given
Always  payout details are encrypted; they change only by a change that somebody else approved, and
        nothing is paid to the vendor from the request until a while after the approval
"""
