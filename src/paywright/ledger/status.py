"""Freeze, unfreeze and close accounts. Each may be repeated: what is so already stays so."""

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import Conflict, Invalid
from paywright.core.ids import AccountId
from paywright.db.pool import Database
from paywright.events.emit import Event, emit
from paywright.ledger import accounts_store, store
from paywright.ledger.expire import expire
from paywright.ledger.model import Account, AccountStatus
from paywright.ledger.views import NoSuchAccount


class AccountClosedForGood(Conflict):
    """The account is closed, and a closed account stays closed."""


class AccountNotEmpty(Conflict):
    """An account can be closed when its balance is zero and nothing is on hold.

    Move its balance away, and post or release its holds, those for money that is to come, too.
    """


class ReasonMissing(Invalid):
    """A reason is needed: it is what remains in the log."""


async def freeze_account(
    db: Database, cause: Cause, *, account_id: AccountId, reason: str
) -> Account:
    """Let nothing move. Raises NoSuchAccount, AccountClosedForGood, ReasonMissing."""
    return await _set_status(db, cause, account_id, AccountStatus.FROZEN, reason)


async def unfreeze_account(
    db: Database, cause: Cause, *, account_id: AccountId, reason: str
) -> Account:
    """Let money move again. Raises NoSuchAccount, AccountClosedForGood, ReasonMissing."""
    return await _set_status(db, cause, account_id, AccountStatus.ACTIVE, reason)


async def close_account(
    db: Database, cause: Cause, *, account_id: AccountId, reason: str
) -> Account:
    """Close an empty account for good. Raises NoSuchAccount, AccountNotEmpty, ReasonMissing."""
    cause.actor.require(Permission.MANAGE_ACCOUNTS)
    async with db.snapshot() as tx:
        due = await store.due_holds_of(tx, [account_id], at=cause.at)
    if due:  # A hold ends at its time, not when a sweep comes by.
        await expire(db, cause, due)
    return await _set_status(db, cause, account_id, AccountStatus.CLOSED, reason)


_EVENTS = {
    AccountStatus.FROZEN: "account.frozen",
    AccountStatus.ACTIVE: "account.unfrozen",
    AccountStatus.CLOSED: "account.closed",
}


async def _set_status(
    db: Database, cause: Cause, account_id: AccountId, status: AccountStatus, reason: str
) -> Account:
    cause.actor.require(Permission.MANAGE_ACCOUNTS)
    if not reason.strip():
        raise ReasonMissing.field("reason", "must say why")
    async with db.transaction() as tx:
        await accounts_store.lock(tx, [account_id])
        account = (await accounts_store.select(tx, [account_id])).get(account_id)
        if account is None:
            raise NoSuchAccount(str(account_id))
        if account.status is status:
            return account
        check_change(account, status)
        await accounts_store.set_status(tx, account_id, status)
        event = Event(
            _EVENTS[status],
            str(account_id),
            {"reason": reason},
            before={"status": account.status.value},
            after={"status": status.value},
        )
        await emit(tx, cause, event)
    return msgspec.structs.replace(account, status=status)


def check_change(account: Account, status: AccountStatus) -> None:
    """Raise AccountClosedForGood or AccountNotEmpty unless the account may become this."""
    if account.status is AccountStatus.CLOSED:
        raise AccountClosedForGood(f"{account.id} is closed")
    if status is not AccountStatus.CLOSED:
        return
    balance = account.balances().balance
    if balance or account.debits_pending or account.credits_pending:
        raise AccountNotEmpty(
            f"{account.id} has a balance of {balance}, and {account.debits_pending} on hold to"
            f" leave it, {account.credits_pending} to come to it",
            balance_minor=balance,
            debits_pending_minor=account.debits_pending,
            credits_pending_minor=account.credits_pending,
        )
