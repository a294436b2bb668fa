"""Statements: what happened to an account in a range of time, and the balance after each of it."""

import csv
import io
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import Invalid
from paywright.core.ids import AccountId
from paywright.core.money import Money
from paywright.core.page import BadCursor, decode_cursor, page_of
from paywright.db.pool import Database, Tx
from paywright.ledger import statement_store as store
from paywright.ledger.model import Account
from paywright.ledger.statement_store import Entry
from paywright.ledger.views import find

_TICK = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PAGE = 1_000  # entries in memory while a whole statement is read


class RangeInvalid(Invalid):
    """The range ends before it begins."""


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """Entries of an account in [since, until), oldest first; or a page of them. Minor units.

    since, until:    None: from the very first entry, to the last one there is
    opening_balance: just before the range, whatever the page; closing_balance: at its end
    """

    account: Account
    since: datetime | None
    until: datetime | None
    opening_balance: int
    closing_balance: int
    entries: Sequence[Entry] = ()
    next_cursor: str | None = None


async def statement(
    db: Database,
    cause: Cause,
    *,
    account_id: AccountId,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: str | None = None,
    limit: int = 100,
    with_holds: bool = False,
) -> Statement:
    """One page. `with_holds`: also what only changes what is available.

    Raises NoSuchAccount, RangeInvalid, BadCursor.
    """
    cause.actor.require(Permission.READ_LEDGER)
    check_range(since, until)
    start = since if cursor is None else _start(cursor, since)
    async with db.snapshot() as tx:
        head = await _head(tx, account_id, since, until)
        found = await store.entries(
            tx, head.account, since=start, until=until, with_holds=with_holds, limit=limit + 1
        )
    page = page_of(found, limit=limit, position=_position)
    return msgspec.structs.replace(head, entries=page.items, next_cursor=page.next_cursor)


async def whole_statement(
    db: Database,
    cause: Cause,
    *,
    account_id: AccountId,
    since: datetime | None = None,
    until: datetime | None = None,
    with_holds: bool = False,
    page_size: int = _PAGE,
) -> AsyncGenerator[Statement]:
    """All pages, as they were at one moment; at least one. A long statement is never in memory.

    A movement comes after all others of its account, and none is ever changed. So what happened
    up to the last one that the first read saw is one moment, however long the reading takes: a
    slow reader keeps neither a connection nor a snapshot.
    Raises NoSuchAccount, RangeInvalid before the first page.
    """
    cause.actor.require(Permission.READ_LEDGER)
    check_range(since, until)
    async with db.snapshot() as tx:
        head = await _head(tx, account_id, since, until)
    end = head.account.moved_at + _TICK
    if until is not None and until < end:
        end = until
    start, more = since, True
    while more:
        async with db.snapshot() as tx:
            found = await store.entries(
                tx, head.account, since=start, until=end, with_holds=with_holds, limit=page_size
            )
        more = len(found) == page_size
        if found:
            start = found[-1].created_at + _TICK
        yield msgspec.structs.replace(head, entries=found)


def check_range(since: datetime | None, until: datetime | None) -> None:
    if since is not None and until is not None and since > until:
        raise RangeInvalid.field("since", "is after `until`")


async def _head(
    tx: Tx, account_id: AccountId, since: datetime | None, until: datetime | None
) -> Statement:
    """A statement without entries."""
    return Statement(
        account=await find(tx, account_id),
        since=since,
        until=until,
        opening_balance=0 if since is None else await store.balance_before(tx, account_id, since),
        closing_balance=await store.balance_before(tx, account_id, until),
    )


def _position(entry: Entry) -> str:
    return str((entry.created_at - _EPOCH) // _TICK)


def _start(cursor: str, since: datetime | None) -> datetime:
    """Where the page after a cursor begins: right after the last entry of the one before it."""
    try:
        start = _EPOCH + (int(decode_cursor(cursor)) + 1) * _TICK
    except (ValueError, OverflowError):
        raise BadCursor.field("cursor", "not a cursor of this statement") from None
    return start if since is None or start > since else since


CSV_COLUMNS = (
    *("created_at", "transfer_id", "kind", "side", "counterparty_account_id", "currency"),
    *("amount_minor", "amount", "change_minor", "change", "balance_minor", "balance"),
    *("available_minor", "available", "hold_id", "description"),
)
# A cell that begins so is run by spreadsheets.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


async def statement_csv(pages: AsyncGenerator[Statement]) -> AsyncGenerator[str]:
    """A whole statement as CSV (RFC 4180) with a header row, some lines at a time."""
    header = True
    async for page in pages:
        yield _csv_lines(page, header=header)
        header = False


def _csv_lines(page: Statement, *, header: bool) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    if header:
        writer.writerow(CSV_COLUMNS)
    writer.writerows(_csv_row(entry, page.account.currency) for entry in page.entries)
    return text.getvalue()


def _csv_row(entry: Entry, currency: str) -> list[object]:
    amounts = (entry.amount, entry.change, entry.balance, entry.available)
    return [
        entry.created_at.isoformat().replace("+00:00", "Z"),
        entry.transfer_id,
        entry.kind.value,
        entry.side,
        entry.counterparty_account_id,
        currency,
        *[cell for minor in amounts for cell in (minor, _decimal(minor, currency))],
        entry.hold_id,
        None if entry.description is None else _defused(entry.description),
    ]


def _decimal(minor: int, currency: str) -> str:
    return str(Money(minor, currency)).removesuffix(f" {currency}")


def _defused(text: str) -> str:
    """Text that a spreadsheet shows, whatever it begins with."""
    return f"'{text}" if text.startswith(_FORMULA) else text
