"""Statements of accounts over HTTP, as JSON pages or as one CSV."""

from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, cast

import msgspec
from litestar import Request, Response, get
from litestar.params import Parameter
from litestar.response import Stream

from paywright.api.accounts import AccountView
from paywright.api.problems import InvalidRequest
from paywright.api.requests import read_id
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.ids import AccountId
from paywright.ledger.model import TransferKind
from paywright.ledger.statement import (
    Entry,
    Statement,
    statement,
    statement_csv,
    whole_statement,
)
from paywright.wiring import App

_JSON, _CSV = "application/json", "text/csv"


class EntryView(msgspec.Struct, frozen=True, kw_only=True):
    """change_minor: of the balance. balance_minor, available_minor: after it."""

    transfer_id: str
    kind: TransferKind
    side: Literal["debit", "credit"]
    counterparty_account_id: str
    amount_minor: int
    change_minor: int
    balance_minor: int
    available_minor: int
    hold_id: str | None
    description: str | None
    created_at: datetime

    @classmethod
    def of(cls, entry: Entry) -> "EntryView":
        return cls(
            transfer_id=str(entry.transfer_id),
            kind=entry.kind,
            side=entry.side,
            counterparty_account_id=str(entry.counterparty_account_id),
            amount_minor=entry.amount,
            change_minor=entry.change,
            balance_minor=entry.balance,
            available_minor=entry.available,
            hold_id=None if entry.hold_id is None else str(entry.hold_id),
            description=entry.description,
            created_at=entry.created_at,
        )


class StatementPage(msgspec.Struct, frozen=True, kw_only=True):
    """Opening and closing balance are those of the whole range, on each page."""

    account: AccountView
    since: datetime | None
    until: datetime | None
    opening_balance_minor: int
    closing_balance_minor: int
    entries: Sequence[EntryView]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Statement) -> "StatementPage":
        return cls(
            account=AccountView.of(page.account),
            since=page.since,
            until=page.until,
            opening_balance_minor=page.opening_balance,
            closing_balance_minor=page.closing_balance,
            entries=[EntryView.of(entry) for entry in page.entries],
            next_cursor=page.next_cursor,
        )


@get(
    "/accounts/{account_id:str}/statement",
    opt={"permission": Permission.READ_LEDGER, "also_as": ("text/csv",)},
)
async def get_statement(
    request: Request[Any, Any, Any],
    app: App,
    cause: Cause,
    account_id: str,
    since: datetime | None = None,
    until: datetime | None = None,
    include_holds: bool = False,
    format: Literal["json", "csv"] | None = None,
    cursor: Annotated[str | None, Parameter(max_length=200)] = None,
    limit: Annotated[int, Parameter(ge=1, le=1000)] = 100,
) -> Response[StatementPage]:
    """An account's entries from `since` until before `until`, oldest first.

    Entries that only set money aside, or give it back, come with `include_holds`.
    With `format=csv` or `Accept: text/csv` the whole range is one download, without pages.
    """
    wanted = read_id(AccountId, account_id, field="account_id")
    since, until = _utc("since", since), _utc("until", until)
    if format is None:
        best = request.accept.best_match([_JSON, _CSV], default=_JSON)
        format = "csv" if best == _CSV else "json"
    if format == "json":
        page = await statement(
            app.db,
            cause,
            account_id=wanted,
            since=since,
            until=until,
            cursor=cursor,
            limit=limit,
            with_holds=include_holds,
        )
        return Response(StatementPage.of(page), media_type=_JSON)
    pages = whole_statement(
        app.db, cause, account_id=wanted, since=since, until=until, with_holds=include_holds
    )
    return await _download(statement_csv(pages), name=f"statement-{wanted}.csv")


async def _download(lines: AsyncGenerator[str], *, name: str) -> Response[StatementPage]:
    # The first lines before the first byte: what is refused has an answer of its own.
    first = await anext(lines)

    async def all_lines() -> AsyncGenerator[str]:
        yield first
        async for more in lines:
            yield more

    stream = Stream(
        all_lines(),
        media_type=f"{_CSV}; header=present",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
    return cast("Response[StatementPage]", stream)


def _utc(field: str, moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise InvalidRequest.field(field, "needs an offset from UTC: 2026-01-31T00:00:00Z")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise InvalidRequest.field(field, "is too far away") from None


ROUTES = [get_statement]
