"""Ledger: double entry with holds. Where all money is, and every movement of it.

Owns    accounts, ledger_transfers, open_holds
Calls   events, idempotency, jobs
Emits   account.opened, account.frozen, account.unfrozen, account.closed, hold.created,
        hold.posted, hold.released, hold.expired, ledger.posted
Always  what is debited is credited, in one currency and one transaction; a movement is never
        changed, only answered by another; what is held cannot be spent; a hold is resolved once;
        an account that may not go negative never is
"""
