"""Approvals: how many pairs of eyes something needs, whose they may be, and whose they were.

Owns    approvals, approval_delegations
Calls   rulesets, identity, idempotency, events
Emits   approval.given, delegation.granted, delegation.ended
Always  nobody approves what they have made, by whichever credential and in whoever's stead; an
        approval is of contents, and counts for no others; no role is above this
"""
