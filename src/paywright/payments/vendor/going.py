"""An approved payment on its way out: weighed for risk, its money held."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from paywright.core.beneficiary import Beneficiary
from paywright.core.cause import Cause
from paywright.core.errors import Problem
from paywright.core.ids import AccountId, TransferId
from paywright.crypto import KeyRing
from paywright.db.pool import Tx
from paywright.gateway.model import OrderKind
from paywright.ledger import accounts_store, rules
from paywright.ledger import batch as ledger
from paywright.ledger.expire import HoldsDue, due
from paywright.ledger.model import Instruction, Transfer, TransferKind
from paywright.ledger.rules import Book
from paywright.payments.checks import Checks, Unscreened
from paywright.payments.operations import account_code
from paywright.payments.outside import cannot_reach
from paywright.payments.refusals import BankUnknown
from paywright.payments.vendor.store import Locked
from paywright.risk.assess import assess
from paywright.risk.background import load
from paywright.risk.model import Assessment, Background, Level, Movement
from paywright.screening.model import Match, Query
from paywright.vendors import sealing
from paywright.vendors.model import BANK_FILES, Payable, PayoutMode, VendorStatus


class Going(msgspec.Struct, eq=False, kw_only=True):
    """A payment that has the approvals it needs.

    code:        of the account in our books that it leaves through
    problem:     it cannot go on for now, and stays as it was
    is_declined: for its risk
    transfer:    the hold
    """

    cause: Cause
    row: Locked
    vendor: Payable
    payee: Beneficiary
    code: str = ""
    matches: Sequence[Match] = ()
    problem: Problem | None = None
    assessment: Assessment | None = None
    is_declined: bool = False
    credit_account_id: AccountId | None = None
    transfer: Transfer | None = None

    @property
    def is_risky(self) -> bool:
        return self.assessment is not None and self.assessment.level is Level.HIGH

    @property
    def waits_for_run(self) -> bool:
        return self.vendor.payout_mode is PayoutMode.RUN or self.payee.bank == BANK_FILES

    @property
    def release_at(self) -> datetime | None:
        """When it may leave; None: it waits for a run."""
        if self.waits_for_run:
            return None
        return max(self.cause.at, self.vendor.paused_until or self.cause.at)

    @property
    def leaves_now(self) -> bool:
        return self.release_at is not None and self.release_at <= self.cause.at


def going_of(cause: Cause, row: Locked, vendor: Payable, keys: KeyRing) -> Going:
    payee = sealing.unseal(keys, vendor.id, vendor.payout)
    return Going(cause=cause, row=row, vendor=vendor, payee=payee)


async def weigh(tx: Tx, checks: Checks, going: Sequence[Going]) -> Background | None:
    """Find the account that each leaves through, and weigh its risk. Raises Unscreened."""
    await _find_accounts(tx, checks, going)
    live = [it for it in going if it.problem is None]
    if not live:
        return None
    _screen(checks, live)
    movements = [_movement(it) for it in live]
    background = await load(tx, await checks.rules.current(tx), movements)
    if background.unscreened or background.generation > checks.screener.generation:
        raise Unscreened(checks, background.unscreened)
    for it, movement in zip(live, movements, strict=True):
        it.assessment = assess(movement, background)
        it.is_declined = it.assessment.level is Level.BLOCKED
    return background


async def hold(tx: Tx, going: Sequence[Going]) -> Book:
    """Hold the money of those that go on, in memory: `ledger.save` writes it. Who lacks it has a
    problem. Raises HoldsDue."""
    live = [it for it in going if it.problem is None and not it.is_declined]
    asked = [_hold(it) for it in live]
    if not asked:
        return Book({})
    book = await ledger.load(tx, asked)
    outcomes = rules.apply(book, asked)
    at = max(it.cause.at for it in live)
    if ids := await due(tx, book, asked, outcomes, at=at):
        raise HoldsDue(ids)
    for it, outcome in zip(live, outcomes, strict=True):
        if isinstance(outcome, Transfer):
            it.transfer = outcome
        else:
            it.problem = outcome
    return book


async def _find_accounts(tx: Tx, checks: Checks, going: Sequence[Going]) -> None:
    for it in going:
        if it.vendor.status is VendorStatus.BLOCKED:
            raise AssertionError(f"{it.row.id}: its vendor is blocked")
        currency = it.row.amount.currency
        bank = it.payee.bank
        if bank == BANK_FILES:
            it.code = f"bank:{BANK_FILES}:{currency}"
        elif bank not in checks.banks:
            it.problem = BankUnknown(f"{bank!r} is no bank that money is sent through")
        else:
            it.problem = cannot_reach(checks.banks[bank], it.payee)
            it.code = account_code(checks.banks[bank], bank, OrderKind.PAYOUT, currency)
    codes = sorted({it.code for it in going if it.problem is None})
    ids = await accounts_store.ids_by_code(tx, codes) if codes else {}
    for it in going:
        if it.problem is None:
            it.credit_account_id = ids.get(it.code)
            if it.credit_account_id is None:
                it.problem = BankUnknown(f"the books have no account {it.code}")


def _screen(checks: Checks, going: Sequence[Going]) -> None:
    queries = [
        Query(
            name=it.payee.name,
            countries=() if it.payee.country is None else (it.payee.country.lower(),),
        )
        for it in going
    ]
    for it, matches in zip(going, checks.screener.screen(queries), strict=True):
        it.matches = matches


def _movement(it: Going) -> Movement:
    return Movement(
        payment_id=it.row.id,
        payer=None,
        payee=None,
        payee_matches=it.matches,
        amount_minor=it.row.amount.minor,
        currency=it.row.amount.currency,
        kind="vendor_payment",
        channel="bank",
        at=it.cause.at,
    )


def _hold(it: Going) -> Instruction:
    return Instruction(
        id=TransferId.of(it.row.id),
        kind=TransferKind.HOLD,
        at=it.cause.at,
        debit_account_id=it.row.debit_account_id,
        credit_account_id=it.credit_account_id,
        amount_minor=it.row.amount.minor,
        currency=it.row.amount.currency,
        description=it.row.description,
    )
