"""Challenges: a risky payment waits for a code that only the payer can know.

Owns    challenges, totp_enrolments
Calls   customers, notifications, events
Emits   challenge.created, challenge.failed, challenge.passed, challenge.locked
Always  a code is stored as a keyed hash, used once, and good for one amount and one payee
"""
