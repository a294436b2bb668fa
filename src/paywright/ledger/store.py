"""All SQL over `ledger_transfers` and `open_holds` that movements need."""

from collections.abc import Sequence
from datetime import datetime
from struct import Struct

from paywright.core.ids import AccountId, TransferId
from paywright.db import copy
from paywright.db.copy import copy_rows
from paywright.db.pool import Row, Tx
from paywright.ledger.model import Balances, Hold, Transfer, TransferKind

_KINDS = {kind.value: kind for kind in TransferKind}
_KIND_FIELDS = {kind: copy.text(kind.value) for kind in TransferKind}
_NUMBERS = Struct("!" + "iq" * 6).pack
_COLUMNS = (
    *("id", "debit_account_id", "credit_account_id", "amount_minor", "held_minor"),
    *("debit_balance", "debit_available", "credit_balance", "credit_available", "created_at"),
    *("kind", "currency", "hold_id", "expires_at", "description"),
)


async def insert(tx: Tx, transfers: Sequence[Transfer]) -> None:
    # By id, so that two batches of the same ids do not wait for each other in a circle.
    rows = [_row(it) for it in sorted(transfers, key=lambda it: it.id.int)]
    await copy_rows(tx, "ledger_transfers", _COLUMNS, rows)


def _row(it: Transfer) -> bytes:
    return b"".join(
        (
            copy.row(15),
            copy.uuid(it.id),
            copy.uuid(it.debit_account_id),
            copy.uuid(it.credit_account_id),
            _NUMBERS(
                *(8, it.amount_minor, 8, it.held_minor, 8, it.debit.balance),
                *(8, it.debit.available, 8, it.credit.balance, 8, it.credit.available),
            ),
            copy.timestamptz(it.created_at),
            _KIND_FIELDS[it.kind],
            copy.word(it.currency),
            copy.maybe_uuid(it.hold_id),
            copy.maybe_timestamptz(it.expires_at),
            copy.maybe_text(it.description),
        )
    )


async def select(tx: Tx, ids: Sequence[TransferId]) -> dict[TransferId, Transfer]:
    rows = await tx.fetch(
        """
        select id, kind, debit_account_id, credit_account_id, amount_minor, held_minor, currency,
               created_at, debit_balance, debit_available, credit_balance, credit_available,
               hold_id, expires_at, description
          from ledger_transfers
         where id = any($1::uuid[])
        """,
        ids,
    )
    transfers = [transfer_of_row(row) for row in rows]
    return {transfer.id: transfer for transfer in transfers}


async def holds(tx: Tx, ids: Sequence[TransferId]) -> dict[TransferId, Hold]:
    """The holds among these transfers, and how each was resolved."""
    rows = await tx.fetch(
        """
        select id, kind, debit_account_id, credit_account_id, amount_minor, held_minor, currency,
               created_at, debit_balance, debit_available, credit_balance, credit_available,
               hold_id, expires_at, description,
               (select kind from ledger_transfers as answer where answer.hold_id = hold.id)
                   as resolved_by
          from ledger_transfers as hold
         where id = any($1::uuid[]) and kind = 'hold'
        """,
        ids,
    )
    return {TransferId.of(row["id"]): hold_of_row(row) for row in rows}


async def open_holds(tx: Tx, transfers: Sequence[Transfer]) -> None:
    await tx.execute(
        """
        insert into open_holds (id, debit_account_id, credit_account_id, expires_at)
        select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[])
        """,
        [it.id for it in transfers],
        [it.debit_account_id for it in transfers],
        [it.credit_account_id for it in transfers],
        [it.expires_at for it in transfers],
    )


async def close_holds(tx: Tx, ids: Sequence[TransferId]) -> None:
    await tx.execute("delete from open_holds where id = any($1::uuid[])", ids)


async def due_holds(tx: Tx, *, at: datetime, limit: int) -> list[TransferId]:
    """Open holds whose time is over, the most overdue first."""
    rows = await tx.fetch(
        "select id from open_holds where expires_at <= $1 order by expires_at limit $2", at, limit
    )
    return [TransferId.of(row["id"]) for row in rows]


async def due_holds_of(tx: Tx, accounts: Sequence[AccountId], *, at: datetime) -> list[TransferId]:
    """The same, of these accounts: money that is available again, though no sweep came by yet."""
    rows = await tx.fetch(
        """
        select id
          from open_holds
         where expires_at <= $1
           and (debit_account_id = any($2::uuid[]) or credit_account_id = any($2::uuid[]))
         limit 10000
        """,
        at,
        accounts,
    )
    return [TransferId.of(row["id"]) for row in rows]


async def open_hold_ids(
    tx: Tx, account_id: AccountId | None, *, before: TransferId | None, limit: int
) -> list[TransferId]:
    """Open holds on either side of an account, or of all, newest first."""
    rows = await tx.fetch(
        """
        select id
          from open_holds
         where ($1::uuid is null or debit_account_id = $1 or credit_account_id = $1)
           and ($2::uuid is null or id < $2)
         order by id desc
         limit $3
        """,
        account_id,
        before,
        limit,
    )
    return [TransferId.of(row["id"]) for row in rows]


async def posts_of(
    tx: Tx, account_id: AccountId, *, before: datetime | None, limit: int
) -> list[tuple[TransferId, datetime]]:
    """The newest movements of an account that are posts, before a moment, each with its own."""
    rows = await tx.fetch(
        """
        (select id, created_at
           from ledger_transfers
          where debit_account_id = $1 and kind = 'post'
            and created_at < coalesce($2::timestamptz, 'infinity')
          order by created_at desc
          limit $3)
        union all
        (select id, created_at
           from ledger_transfers
          where credit_account_id = $1 and kind = 'post'
            and created_at < coalesce($2::timestamptz, 'infinity')
          order by created_at desc
          limit $3)
        order by created_at desc
        limit $3
        """,
        account_id,
        before,
        limit,
    )
    return [(TransferId.of(row["id"]), row["created_at"]) for row in rows]


def transfer_of_row(row: Row) -> Transfer:
    """A transfer from a row with all columns."""
    return Transfer(
        id=TransferId.of(row["id"]),
        kind=_KINDS[row["kind"]],
        debit_account_id=AccountId.of(row["debit_account_id"]),
        credit_account_id=AccountId.of(row["credit_account_id"]),
        amount_minor=row["amount_minor"],
        held_minor=row["held_minor"],
        currency=row["currency"],
        created_at=row["created_at"],
        debit=Balances(row["debit_balance"], row["debit_available"]),
        credit=Balances(row["credit_balance"], row["credit_available"]),
        hold_id=None if row["hold_id"] is None else TransferId.of(row["hold_id"]),
        expires_at=row["expires_at"],
        description=row["description"],
    )


def hold_of_row(row: Row) -> Hold:
    """A hold from a row with all columns and `resolved_by`."""
    resolved_by = row["resolved_by"]
    return Hold(transfer_of_row(row), None if resolved_by is None else _KINDS[resolved_by])
