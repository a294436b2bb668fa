"""Challenges: a risky payment waits for a code that only the payer can know.

Owns    challenges, challenge_subjects, totp_enrolments
Calls   customers, identity, notifications, events, jobs
Emits   challenge.created, challenge.resent, challenge.failed, challenge.passed, challenge.locked,
        challenge.expired, challenge.voided, totp.requested, totp.confirmed, totp.removed
Always  a code is stored as a keyed hash, used once, and good for one amount and one payee
"""
