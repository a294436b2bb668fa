"""Apply a batch of instructions to accounts in memory. Pure: no database, no clock.

The semantics are those of TigerBeetle (docs.tigerbeetle.com, "create_transfers"): elements are
applied in order, each sees what those before it did, each is refused on its own, and linked ones
succeed or fail together. A limit counts what is held as spent, so posting a hold never fails for
want of money.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec

from paywright.core.errors import Problem
from paywright.core.ids import AccountId, TransferId
from paywright.core.money import MINOR_MAX
from paywright.ledger import limits, refusals
from paywright.ledger.exists import exists
from paywright.ledger.model import (
    RESOLVES,
    AccountStatus,
    Hold,
    Instruction,
    Standing,
    Transfer,
    TransferKind,
)

EXPIRY_MAX_S = 10 * 366 * 24 * 3600
_T = TypeVar("_T")
_POST, _HOLD = TransferKind.POST, TransferKind.HOLD


class Book(msgspec.Struct):
    """What a batch needs to know: all accounts and holds that it names, and what is on file under
    its ids. Those that do not exist are absent.

    known_ids: ids come from outside, so that one may stand twice in a batch
    busy:      accounts that somebody else keeps locked; they are absent, too
    """

    accounts: dict[AccountId, Standing]
    holds: dict[TransferId, Hold] = {}
    transfers: dict[TransferId, Transfer] = {}
    known_ids: bool = True
    busy: frozenset[AccountId] = frozenset()


def apply(
    book: Book,
    instructions: Sequence[Instruction],
    refused: Mapping[int, Problem] | None = None,
) -> list[Transfer | Problem]:
    """What becomes of each instruction, in order. `book` is left as it is after all of them.

    refused: what was found wrong with an element before, by its index; it fails, and with it
             what is linked to it
    """
    found = refused or {}
    results: list[Transfer | Problem] = []
    start = 0
    while start < len(instructions):
        end = start + 1
        while instructions[end - 1].linked and end < len(instructions):
            end += 1
        if end - start == 1 and not instructions[start].linked:
            results.append(found.get(start) or _apply_one(book, instructions[start]))
        else:
            problems = {i - start: found[i] for i in range(start, end) if i in found}
            results += _apply_chain(book, instructions[start:end], problems)
        start = end
    return results


def _apply_chain(
    book: Book, chain: Sequence[Instruction], found: Mapping[int, Problem]
) -> list[Transfer | Problem]:
    """All or none. A chain that is on file already is told so, each element for itself; one that
    is on file in part is another chain, and refused."""
    filed = [i for i, item in enumerate(chain) if item.id in book.transfers]
    if filed and len(filed) < len(chain):
        return _broken(chain, filed[0], exists(book.transfers[chain[filed[0]].id], chain[filed[0]]))
    kept = _Snapshot(book, chain)
    last = len(chain) - 1
    if chain[last].linked and last not in found:
        found = {**found, last: refusals.ChainOpen("the last movement of the batch is linked")}
    results: list[Transfer | Problem] = []
    for index, instruction in enumerate(chain):
        result = found.get(index) or _apply_one(book, instruction)
        if isinstance(result, Problem) and not isinstance(result, refusals.Exists):
            kept.restore(book)
            return _broken(chain, index, result)
        results.append(result)
    return results


def _broken(chain: Sequence[Instruction], index: int, reason: Problem) -> list[Transfer | Problem]:
    """What a chain comes to that was refused for `reason`, at `index`."""
    told = f"movement {index + 1} of the chain was refused"
    results: list[Transfer | Problem] = [refusals.LinkedFailed(told) for _ in chain]
    if chain[-1].linked:
        results[-1] = refusals.ChainOpen("the last movement of the batch is linked")
    results[index] = reason
    return results


class _Snapshot:
    """What a chain may change, as it was before it."""

    def __init__(self, book: Book, chain: Sequence[Instruction]) -> None:
        # A hold of the same chain stands on accounts that the chain names anyway.
        ids: set[AccountId | None] = set()
        for item in chain:
            ids |= {item.debit_account_id, item.credit_account_id}
            hold = book.holds.get(item.hold_id) if item.hold_id else None
            if hold is not None:
                ids |= {hold.transfer.debit_account_id, hold.transfer.credit_account_id}
        known = [book.accounts[i] for i in ids if i is not None and i in book.accounts]
        self._accounts = [(it, msgspec.structs.replace(it)) for it in known]
        held = [item.hold_id for item in chain if item.hold_id is not None]
        self._holds = {i: book.holds.get(i) for i in (*held, *(item.id for item in chain))}
        self._transfers = {item.id: book.transfers.get(item.id) for item in chain}

    def restore(self, book: Book) -> None:
        for account, was in self._accounts:
            account.debits_posted, account.credits_posted = was.debits_posted, was.credits_posted
            account.debits_pending = was.debits_pending
            account.credits_pending = was.credits_pending
            account.moved_at = was.moved_at
        for hold_id, hold in self._holds.items():
            _put_back(book.holds, hold_id, hold)
        for transfer_id, transfer in self._transfers.items():
            _put_back(book.transfers, transfer_id, transfer)


def _put_back(there: dict[TransferId, _T], key: TransferId, value: _T | None) -> None:
    if value is None:
        there.pop(key, None)
    else:
        there[key] = value


def _apply_one(book: Book, item: Instruction) -> Transfer | Problem:
    if (on_file := book.transfers.get(item.id)) is not None:
        return exists(on_file, item)
    result = _resolve(book, item) if item.kind in RESOLVES else _move(book, item)
    if isinstance(result, Transfer):
        if book.known_ids:
            book.transfers[result.id] = result
        if item.kind is _HOLD:
            book.holds[result.id] = Hold(result)
        elif item.kind in RESOLVES and item.hold_id is not None:
            book.holds[item.hold_id] = Hold(book.holds[item.hold_id].transfer, item.kind)
    return result


def _move(book: Book, item: Instruction) -> Transfer | Problem:
    """Post, or hold."""
    balancing = item.balancing_debit or item.balancing_credit
    amount = item.amount_minor or (MINOR_MAX if balancing and item.amount_minor is None else 0)
    pair = _malformed(item, amount) or _accounts(book, item)
    if isinstance(pair, Problem):
        return pair
    debit, credit = pair
    if balancing:
        amount, side = limits.balanced(item, debit, credit, amount)
        if amount <= 0:
            return refusals.insufficient(side, amount)
    if (problem := limits.beyond_limit(debit, credit, amount)) is not None:
        return problem
    now = limits.moment(item.at, debit, credit)
    if item.kind is _POST:
        debit.debits_posted += amount
        credit.credits_posted += amount
        return _transfer(item, debit, credit, amount, held=0, now=now)
    return _hold(item, debit, credit, amount, now)


def objection(book: Book, item: Instruction) -> Problem | None:
    """What is wrong with a post or a hold however much money there is; None: nothing."""
    balancing = item.balancing_debit or item.balancing_credit
    wrong = None if balancing else _malformed(item, item.amount_minor or 0)
    pair = wrong or _expiry_invalid(item) or _accounts(book, item)
    return pair if isinstance(pair, Problem) else None


def _malformed(item: Instruction, amount: int) -> Problem | None:
    if not 0 < amount <= MINOR_MAX:
        return refusals.AmountInvalid.field("amount_minor", f"must be from 1 to {MINOR_MAX}")
    if item.hold_id is not None:
        return refusals.HoldNotFound.field("hold_id", "only what resolves a hold names one")
    return None


def _accounts(book: Book, item: Instruction) -> tuple[Standing, Standing] | Problem:
    """Both accounts, when money may move between them."""
    if item.debit_account_id == item.credit_account_id:
        return refusals.SameAccount.field("credit_account_id", "is the debit account, too")
    debit = book.accounts.get(item.debit_account_id) if item.debit_account_id else None
    if debit is None:
        return refusals.not_found("debit", item.debit_account_id)
    credit = book.accounts.get(item.credit_account_id) if item.credit_account_id else None
    if credit is None:
        return refusals.not_found("credit", item.credit_account_id)
    if not debit.currency == credit.currency == item.currency:
        return limits.other_currency(debit, credit, item.currency)
    if debit.status is not AccountStatus.ACTIVE or credit.status is not AccountStatus.ACTIVE:
        return limits.inactive(debit, credit)
    return debit, credit


def _hold(
    item: Instruction, debit: Standing, credit: Standing, amount: int, now: datetime
) -> Transfer | Problem:
    if (problem := _expiry_invalid(item)) is not None:
        return problem
    expires_at = None
    if item.expires_in_s is not None:
        expires_at = now + timedelta(seconds=item.expires_in_s)
    debit.debits_pending += amount
    credit.credits_pending += amount
    return _transfer(item, debit, credit, amount, held=amount, now=now, expires_at=expires_at)


def _expiry_invalid(item: Instruction) -> Problem | None:
    if item.expires_in_s is None or 0 < item.expires_in_s <= EXPIRY_MAX_S:
        return None
    return refusals.ExpiryInvalid.field("expires_in_s", f"must be from 1 to {EXPIRY_MAX_S}")


def _resolve(book: Book, item: Instruction) -> Transfer | Problem:
    """Post, release or expire a hold."""
    hold = book.holds.get(item.hold_id) if item.hold_id else None
    if hold is None:
        return refusals.HoldNotFound.field("hold_id", f"there is no hold {item.hold_id}")
    held = hold.transfer.amount_minor
    posts = item.kind is TransferKind.POST_HOLD
    amount = item.amount_minor if posts and item.amount_minor is not None else held
    debit = book.accounts[hold.transfer.debit_account_id]
    credit = book.accounts[hold.transfer.credit_account_id]
    now = limits.moment(item.at, debit, credit)
    if (problem := _unresolvable(hold, item.kind, amount, now)) is not None:
        return problem
    if posts:
        # A frozen account may get its held money back; none may leave it or come to it.
        if debit.status is not AccountStatus.ACTIVE or credit.status is not AccountStatus.ACTIVE:
            return limits.inactive(debit, credit)
        debit.debits_posted += amount
        credit.credits_posted += amount
    debit.debits_pending -= held
    credit.credits_pending -= held
    return _transfer(item, debit, credit, amount, held=-held, now=now)


def _unresolvable(hold: Hold, kind: TransferKind, amount: int, now: datetime) -> Problem | None:
    held = hold.transfer.amount_minor
    if amount <= 0:
        return refusals.AmountInvalid.field("amount_minor", "must be above 0")
    if amount > held:
        return refusals.exceeds_hold(held)
    if hold.resolved_by is TransferKind.EXPIRE_HOLD and kind is not TransferKind.EXPIRE_HOLD:
        return refusals.HoldExpired(f"it did at {hold.transfer.expires_at}")
    if hold.resolved_by is not None:
        return refusals.resolved(hold.resolved_by)
    expires_at = hold.transfer.expires_at
    expired = expires_at is not None and now >= expires_at
    if kind is TransferKind.EXPIRE_HOLD:
        return None if expired else refusals.HoldNotExpired(f"it does at {expires_at}")
    return refusals.HoldExpired(f"it did at {expires_at}") if expired else None


def _transfer(
    item: Instruction,
    debit: Standing,
    credit: Standing,
    amount: int,
    *,
    held: int,
    now: datetime,
    expires_at: datetime | None = None,
) -> Transfer:
    debit.moved_at = credit.moved_at = now
    return Transfer(
        id=item.id,
        kind=item.kind,
        debit_account_id=debit.id,
        credit_account_id=credit.id,
        amount_minor=amount,
        held_minor=held,
        currency=debit.currency,
        created_at=now,
        debit=debit.balances(),
        credit=credit.balances(),
        hold_id=item.hold_id,
        expires_at=expires_at,
        description=item.description,
    )
