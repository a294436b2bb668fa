"""Read accounts: one, or a list."""

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import NotFound
from paywright.core.ids import AccountId
from paywright.core.page import BadCursor, Page, decode_cursor, page_of
from paywright.db.pool import Database, Tx
from paywright.ledger import accounts_store
from paywright.ledger.accounts_store import account_of_row
from paywright.ledger.model import Account, AccountKind, AccountStatus


class NoSuchAccount(NotFound):
    """There is no such account."""


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    owner: str | None = None
    currency: str | None = None
    kind: AccountKind | None = None
    status: AccountStatus | None = None
    code: str | None = None


async def get_account(db: Database, cause: Cause, *, account_id: AccountId) -> Account:
    """Raises NoSuchAccount."""
    cause.actor.require(Permission.READ_LEDGER)
    async with db.snapshot() as tx:
        return await find(tx, account_id)


async def find(tx: Tx, account_id: AccountId) -> Account:
    """Raises NoSuchAccount."""
    found = await accounts_store.select(tx, [account_id])
    if account_id not in found:
        raise NoSuchAccount(str(account_id))
    return found[account_id]


async def list_accounts(
    db: Database, cause: Cause, *, filters: Filters, cursor: str | None, limit: int
) -> Page[Account]:
    """Accounts that match, newest first. Raises BadCursor."""
    cause.actor.require(Permission.READ_LEDGER)
    before = None if cursor is None else _position(cursor)
    async with db.snapshot() as tx:
        # With a generic plan the optional filters would hide the indexes.
        await tx.execute("set local plan_cache_mode = force_custom_plan")
        rows = await tx.fetch(
            """
            select id, code, name, owner, currency, kind, may_go_negative, status, debits_posted,
                   credits_posted, debits_pending, credits_pending, opened_at, moved_at
              from accounts
             where ($1::text is null or owner = $1)
               and ($2::text is null or currency = $2)
               and ($3::text is null or kind = $3)
               and ($4::text is null or status = $4)
               and ($5::text is null or code = $5)
               and ($6::uuid is null or id < $6)
             order by id desc
             limit $7
            """,
            filters.owner,
            filters.currency,
            filters.kind,
            filters.status,
            filters.code,
            before,
            limit + 1,
        )
    accounts = [account_of_row(row) for row in rows]
    return page_of(accounts, limit=limit, position=lambda account: str(account.id))


def _position(cursor: str) -> AccountId:
    try:
        return AccountId.parse(decode_cursor(cursor))
    except ValueError:
        raise BadCursor.field("cursor", "not a cursor of this list") from None
