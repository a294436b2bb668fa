"""KYC: whether we know who a customer is.

Owns    kyc_checks
Calls   customers, events, jobs
Emits   kyc.requested, kyc.decided
Always  a customer without a check is unverified
"""
