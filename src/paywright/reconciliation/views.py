"""Read reconciliations: the list, one of them, and what differed."""

from collections.abc import Sequence

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import NotFound
from paywright.core.ids import ReconciliationId
from paywright.core.page import BadCursor, Page, decode_cursor, page_of
from paywright.db.pool import Database, Tx
from paywright.reconciliation.model import Item, LineOutcome, Reconciliation
from paywright.reconciliation.store import item_of_row, reconciliation_of_row

# Of the differences, in what a person is given to begin with.
_SHOWN_TO_A_PERSON = 20


class NoSuchReconciliation(NotFound):
    """There is no such reconciliation."""


class ForReview(msgspec.Struct, frozen=True):
    """What a person has to know of a run.

    items:   the first differences, the gravest before the others
    same_as: earlier runs of the day that found exactly the same
    """

    run: Reconciliation
    items: Sequence[Item]
    same_as: Sequence[ReconciliationId]


async def list_reconciliations(
    db: Database,
    cause: Cause,
    *,
    provider: str | None = None,
    is_latest: bool = True,
    cursor: str | None = None,
    limit: int,
) -> Page[Reconciliation]:
    """The newest first. Raises BadCursor.

    is_latest: only the last one of each provider and day
    """
    cause.actor.require(Permission.READ_PROVIDERS)
    before = None if cursor is None else _position(cursor)
    async with db.snapshot() as tx:
        rows = await tx.fetch(
            """
            select *
              from reconciliations run
             where ($1::text is null or provider = $1)
               and ($2::uuid is null or id < $2)
               and (not $3::boolean
                    or not exists (select from reconciliations later
                                    where later.provider = run.provider and later.day = run.day
                                      and later.id > run.id))
             order by id desc
             limit $4
            """,
            provider,
            before,
            is_latest,
            limit + 1,
        )
    runs = [reconciliation_of_row(row) for row in rows]
    return page_of(runs, limit=limit, position=lambda run: str(run.id))


async def get_reconciliation(
    db: Database,
    cause: Cause,
    *,
    reconciliation_id: ReconciliationId,
    outcome: LineOutcome | None = None,
    cursor: str | None = None,
    limit: int,
) -> tuple[Reconciliation, Page[Item]]:
    """One of them, and a page of what differed. Raises NoSuchReconciliation, BadCursor."""
    cause.actor.require(Permission.READ_PROVIDERS)
    after = 0 if cursor is None else _number(cursor)
    async with db.snapshot() as tx:
        run = await _find(tx, reconciliation_id)
        items = await _items(tx, reconciliation_id, outcome=outcome, after=after, limit=limit + 1)
    return run, page_of(items, limit=limit, position=lambda item: str(item.seq))


async def provider_of(db: Database, cause: Cause, *, reconciliation_id: ReconciliationId) -> str:
    """With whom it compares. Raises NoSuchReconciliation."""
    cause.actor.require(Permission.READ_PROVIDERS)
    async with db.snapshot() as tx:
        return (await _find(tx, reconciliation_id)).provider


async def facts_for_review(tx: Tx, reconciliation_id: ReconciliationId) -> ForReview:
    """Raises NoSuchReconciliation."""
    run = await _find(tx, reconciliation_id)
    items = await _items(tx, reconciliation_id, outcome=None, after=0, limit=_SHOWN_TO_A_PERSON)
    rows = await tx.fetch(
        """
        select id from reconciliations
         where provider = $1 and day = $2 and digest = $3 and id < $4
        """,
        run.provider,
        run.day,
        run.digest,
        reconciliation_id,
    )
    return ForReview(run, items, [ReconciliationId.of(row["id"]) for row in rows])


async def _find(tx: Tx, reconciliation_id: ReconciliationId) -> Reconciliation:
    row = await tx.fetchrow("select * from reconciliations where id = $1", reconciliation_id)
    if row is None:
        raise NoSuchReconciliation(str(reconciliation_id))
    return reconciliation_of_row(row)


async def _items(
    tx: Tx,
    reconciliation_id: ReconciliationId,
    *,
    outcome: LineOutcome | None,
    after: int,
    limit: int,
) -> list[Item]:
    rows = await tx.fetch(
        """
        select * from reconciliation_items
         where reconciliation_id = $1 and seq > $2 and ($3::text is null or outcome = $3)
         order by seq
         limit $4
        """,
        reconciliation_id,
        after,
        outcome,
        limit,
    )
    return [item_of_row(row) for row in rows]


def _position(cursor: str) -> ReconciliationId:
    try:
        return ReconciliationId.parse(decode_cursor(cursor))
    except ValueError:
        raise BadCursor.field("cursor", "not a cursor of this list") from None


def _number(cursor: str) -> int:
    text = decode_cursor(cursor)
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise BadCursor.field("cursor", "not a cursor of this list")
    return int(text)
