"""What accounts can bear, and when. Pure."""

from datetime import datetime, timedelta

from paywright.core.errors import Problem
from paywright.core.money import MINOR_MAX
from paywright.ledger import refusals
from paywright.ledger.model import GROWS_BY_DEBITS, AccountStatus, Instruction, Standing

_TICK = timedelta(microseconds=1)


def moment(at: datetime, debit: Standing, credit: Standing) -> datetime:
    """When the movement happens: after everything else that happened to its accounts.

    So a statement that is ordered by time is in the order of its running balance, whatever the
    clocks of the processes say.
    """
    last = debit.moved_at if debit.moved_at > credit.moved_at else credit.moved_at
    return at if at > last else last + _TICK


def balanced(item: Instruction, debit: Standing, credit: Standing, amount: int) -> tuple[int, str]:
    """How much of `amount` a balancing movement moves, 0 or less when nothing is there to be
    moved; and the side that says so."""
    side = "debit"
    if item.balancing_debit:
        amount = min(amount, debit.credits_posted - debit.debits_posted - debit.debits_pending)
    if item.balancing_credit:
        left = credit.debits_posted - credit.credits_posted - credit.credits_pending
        if left < amount or not item.balancing_debit:
            amount, side = min(amount, left), "credit"
    return amount, side


def beyond_limit(debit: Standing, credit: Standing, amount: int) -> Problem | None:
    """Why the accounts cannot bear the movement. What is held counts as spent."""
    debits = debit.debits_posted + debit.debits_pending + amount
    credits = credit.credits_posted + credit.credits_pending + amount
    if debits > MINOR_MAX:
        return refusals.BalanceOverflow.field("debit_account_id", "its debits would overflow")
    if credits > MINOR_MAX:
        return refusals.BalanceOverflow.field("credit_account_id", "its credits would overflow")
    # An account that grows by the movement has no limit to mind.
    if not debit.may_go_negative and debit.kind not in GROWS_BY_DEBITS:
        available = debit.credits_posted - debits + amount
        if amount > available:
            return refusals.insufficient("debit", available)
    if not credit.may_go_negative and credit.kind in GROWS_BY_DEBITS:
        available = credit.debits_posted - credits + amount
        if amount > available:
            return refusals.insufficient("credit", available)
    return None


def other_currency(debit: Standing, credit: Standing, currency: str | None) -> Problem:
    """Which of the three currencies differs."""
    if debit.currency != credit.currency:
        told = f"is kept in {credit.currency}, the debit account in {debit.currency}"
        return refusals.CurrencyMismatch.field("credit_account_id", told)
    return refusals.CurrencyMismatch.field("currency", f"the accounts are kept in {debit.currency}")


def inactive(debit: Standing, credit: Standing) -> Problem:
    """Which of the accounts is frozen or closed."""
    side = "debit" if debit.status is not AccountStatus.ACTIVE else "credit"
    account = debit if side == "debit" else credit
    kind = (
        refusals.AccountFrozen if account.status is AccountStatus.FROZEN else refusals.AccountClosed
    )
    return kind.field(f"{side}_account_id", f"{account.id} is {account.status.value}")
