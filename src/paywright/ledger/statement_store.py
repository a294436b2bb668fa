"""All SQL over `ledger_transfers` that statements need."""

from datetime import datetime
from typing import Literal

import msgspec

from paywright.core.ids import AccountId, TransferId
from paywright.db.pool import Row, Tx
from paywright.ledger.model import Account, TransferKind

Side = Literal["debit", "credit"]

_KINDS = {kind.value: kind for kind in TransferKind}
_POSTS = frozenset((TransferKind.POST, TransferKind.POST_HOLD))


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A movement, as one of its accounts sees it. Minor units.

    amount:             what was posted; for hold, release_hold and expire_hold what was held
    change:             of the balance, in the direction in which the account grows
    balance, available: after it
    """

    transfer_id: TransferId
    kind: TransferKind
    side: Side
    counterparty_account_id: AccountId
    amount: int
    change: int
    balance: int
    available: int
    hold_id: TransferId | None
    description: str | None
    created_at: datetime


async def entries(
    tx: Tx,
    account: Account,
    *,
    since: datetime | None,
    until: datetime | None,
    with_holds: bool,
    limit: int,
) -> list[Entry]:
    """The first entries in [since, until), oldest first. Each side is read in the order of its
    index, as far as the limit: how long the account's history is does not matter."""
    # With a generic plan the planner would not know how few rows are wanted.
    await tx.execute("set local plan_cache_mode = force_custom_plan")
    rows = await tx.fetch(
        """
        select *
          from ((select id, kind, 'debit' as side, credit_account_id as counterparty_account_id,
                        amount_minor, debit_balance as balance, debit_available as available,
                        hold_id, description, created_at
                   from ledger_transfers
                  where debit_account_id = $1
                    and created_at >= coalesce($2::timestamptz, '-infinity')
                    and created_at < coalesce($3::timestamptz, 'infinity')
                    and ($4::boolean or kind in ('post', 'post_hold'))
                  order by created_at
                  limit $5)
                union all
                (select id, kind, 'credit', debit_account_id, amount_minor, credit_balance,
                        credit_available, hold_id, description, created_at
                   from ledger_transfers
                  where credit_account_id = $1
                    and created_at >= coalesce($2::timestamptz, '-infinity')
                    and created_at < coalesce($3::timestamptz, 'infinity')
                    and ($4::boolean or kind in ('post', 'post_hold'))
                  order by created_at
                  limit $5)) as sides
         order by created_at
         limit $5
        """,
        account.id,
        since,
        until,
        with_holds,
        limit,
    )
    return [
        _entry_of_row(row, growing="debit" if account.grows_by_debits else "credit") for row in rows
    ]


async def balance_before(tx: Tx, account_id: AccountId, at: datetime | None) -> int:
    """The balance just before a moment; None: after all that has happened so far."""
    balance = await tx.fetchval(
        """
        select balance
          from ((select debit_balance as balance, created_at
                   from ledger_transfers
                  where debit_account_id = $1
                    and created_at < coalesce($2::timestamptz, 'infinity')
                  order by created_at desc
                  limit 1)
                union all
                (select credit_balance, created_at
                   from ledger_transfers
                  where credit_account_id = $1
                    and created_at < coalesce($2::timestamptz, 'infinity')
                  order by created_at desc
                  limit 1)) as sides
         order by created_at desc
         limit 1
        """,
        account_id,
        at,
    )
    return 0 if balance is None else balance


def _entry_of_row(row: Row, *, growing: Side) -> Entry:
    kind = _KINDS[row["kind"]]
    posted = row["amount_minor"] if kind in _POSTS else 0
    return Entry(
        transfer_id=TransferId.of(row["id"]),
        kind=kind,
        side=row["side"],
        counterparty_account_id=AccountId.of(row["counterparty_account_id"]),
        amount=row["amount_minor"],
        change=posted if row["side"] == growing else -posted,
        balance=row["balance"],
        available=row["available"],
        hold_id=None if row["hold_id"] is None else TransferId.of(row["hold_id"]),
        description=row["description"],
        created_at=row["created_at"],
    )
