"""KYC: whether we know who a customer is.

Owns    kyc_checks kyc_standings
Calls   customers, events, jobs
Emits   kyc.requested, kyc.decided, kyc.expired, kyc.outdated
Always  a customer without a check is unverified; at most one check of a customer is open; a verdict
        is about the name and the country that were checked, and about no others
"""
