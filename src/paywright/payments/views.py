"""Transfers as they are on file."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from paywright.core.actor import Permission
from paywright.core.beneficiary import Beneficiary
from paywright.core.cause import Cause
from paywright.core.errors import NotFound
from paywright.core.ids import AccountId, PaymentId, TransferId
from paywright.core.page import BadCursor, Page, decode_cursor, page_of
from paywright.crypto import KeyRing
from paywright.db.pool import Database, Row, Tx
from paywright.ledger import accounts_store
from paywright.ledger import store as ledger
from paywright.payments.model import PaymentStatus
from paywright.payments.orders import Receipt, receipt_of
from paywright.payments.sealing import unseal


class NoSuchTransfer(NotFound):
    """There is no transfer of this id."""


class TransferPayment(msgspec.Struct, frozen=True, kw_only=True):
    """A payment between two accounts. `receipt`: its movement, once it has been made; of one to
    another bank, the hold. payee: who is paid there"""

    id: PaymentId
    status: PaymentStatus
    debit_account_id: AccountId
    credit_account_id: AccountId
    amount_minor: int
    currency: str
    description: str | None
    created_at: datetime
    receipt: Receipt | None
    payee: Beneficiary | None = None
    failure_code: str | None = None


async def get_transfer(
    db: Database, keys: KeyRing, cause: Cause, *, payment_id: PaymentId
) -> TransferPayment:
    """Raises NoSuchTransfer."""
    cause.actor.require(Permission.READ_LEDGER)
    async with db.snapshot() as tx:
        rows = await tx.fetch(
            """
            select id, status, debit_account_id, credit_account_id, amount_minor, currency,
                   description, created_at, failure_code, beneficiary
              from payments
             where id = $1 and kind = 'transfer'
            """,
            payment_id,
        )
        found = await _with_receipts(tx, keys, rows)
    if not found:
        raise NoSuchTransfer(str(payment_id))
    return found[0]


async def list_transfers(
    db: Database,
    keys: KeyRing,
    cause: Cause,
    *,
    account_id: AccountId | None,
    cursor: str | None,
    limit: int,
) -> Page[TransferPayment]:
    """Newest first, of one account or of all. Of one account only those that moved money; a page
    may have fewer than `limit`: posts that are not payments, those of a file for example, are left
    out of it."""
    cause.actor.require(Permission.READ_LEDGER)
    async with db.snapshot() as tx:
        if account_id is None:
            rows = await _newest(tx, None if cursor is None else _id_of(cursor), limit + 1)
            found = await _with_receipts(tx, keys, rows)
            return page_of(found, limit=limit, position=lambda it: str(it.id))
        until = None if cursor is None else _time_of(cursor)
        posts = await ledger.posts_of(tx, account_id, before=until, limit=limit + 1)
        rows = await _by_ids(tx, [transfer_id for transfer_id, _ in posts[:limit]])
        found = await _with_receipts(tx, keys, rows)
    found.sort(key=lambda it: it.created_at, reverse=True)
    last = page_of(posts, limit=limit, position=lambda it: it[1].isoformat())
    return Page(found, last.next_cursor)


async def _newest(tx: Tx, before: PaymentId | None, limit: int) -> list[Row]:
    return await tx.fetch(
        """
        select id, status, debit_account_id, credit_account_id, amount_minor, currency,
               description, created_at, failure_code, beneficiary
          from payments
         where kind = 'transfer' and ($1::uuid is null or id < $1)
         order by id desc
         limit $2
        """,
        before,
        limit,
    )


async def _by_ids(tx: Tx, ids: Sequence[TransferId]) -> list[Row]:
    return await tx.fetch(
        """
        select id, status, debit_account_id, credit_account_id, amount_minor, currency,
               description, created_at, failure_code, beneficiary
          from payments
         where id = any($1::uuid[]) and kind = 'transfer'
        """,
        ids,
    )


async def _with_receipts(tx: Tx, keys: KeyRing, rows: Sequence[Row]) -> list[TransferPayment]:
    movements = await ledger.select(tx, [TransferId.of(row["id"]) for row in rows])
    sides = [(it.debit_account_id, it.credit_account_id) for it in movements.values()]
    accounts = await accounts_store.select(tx, list({side for pair in sides for side in pair}))
    found = []
    for row in rows:
        movement = movements.get(TransferId.of(row["id"]))
        sealed = row["beneficiary"]
        found.append(
            TransferPayment(
                id=PaymentId.of(row["id"]),
                status=PaymentStatus(row["status"]),
                debit_account_id=AccountId.of(row["debit_account_id"]),
                credit_account_id=AccountId.of(row["credit_account_id"]),
                amount_minor=row["amount_minor"],
                currency=row["currency"],
                description=row["description"],
                created_at=row["created_at"],
                receipt=None if movement is None else receipt_of(movement, accounts),
                payee=None if sealed is None else unseal(keys, PaymentId.of(row["id"]), sealed),
                failure_code=row["failure_code"],
            )
        )
    return found


def _id_of(cursor: str) -> PaymentId:
    try:
        return PaymentId.parse(decode_cursor(cursor))
    except ValueError:
        raise BadCursor.field("cursor", "not a cursor of this list") from None


def _time_of(cursor: str) -> datetime:
    try:
        at = datetime.fromisoformat(decode_cursor(cursor))
    except ValueError:
        raise BadCursor.field("cursor", "not a cursor of this list") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
