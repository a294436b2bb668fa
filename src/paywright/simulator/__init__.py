"""The outside world, for trying things out: a partner bank, Stripe and a KYC provider behind HTTP,
with faults on request. Keeps books of its own, so that ours can be compared with them.

Calls   core only
"""
