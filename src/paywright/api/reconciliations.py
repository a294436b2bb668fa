"""Reconciliations over HTTP: ask for one, see how far it is, and what differed."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.params import Parameter
from msgspec import Meta

from paywright.api.requests import END, read_body, read_id
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.ids import ReconciliationId
from paywright.gateway.model import OrderKind
from paywright.reconciliation.ask import ask_for_reconciliation
from paywright.reconciliation.model import (
    Item,
    LineOutcome,
    Reconciliation,
    RunState,
    StatementSource,
    Total,
)
from paywright.reconciliation.views import get_reconciliation, list_reconciliations
from paywright.wiring import App

ProviderName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,23}" + END)]


class ReconciliationRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """day: of UTC; that of today is compared as far as it has gone"""

    provider: ProviderName
    day: date


class ReconciliationTotal(msgspec.Struct, frozen=True, kw_only=True):
    """Lines of one currency and their sum: those of the day on each side, each by its own clock,
    and the pairs that match, by the provider's clock."""

    currency: str
    ours: int
    ours_minor: int
    theirs: int
    theirs_minor: int
    matched: int
    matched_minor: int

    @classmethod
    def of(cls, total: Total) -> "ReconciliationTotal":
        return cls(**msgspec.structs.asdict(total))


class ReconciliationView(msgspec.Struct, frozen=True, kw_only=True):
    """`running` is asked for, or under way: `lines_read` tells how far it is. `failed` was not
    compared, `failure` says why. `outcomes` tells how often each was found."""

    id: str
    provider: str
    day: date
    source: StatementSource
    state: RunState
    is_scheduled: bool
    requested_by: str
    requested_at: datetime
    ended_at: datetime | None
    failure: str | None
    attempts: int
    lines_read: int
    differences: int
    outcomes: Mapping[str, int]
    totals: Sequence[ReconciliationTotal]

    @classmethod
    def of(cls, run: Reconciliation) -> "ReconciliationView":
        return cls(**_plain(run))


class ReconciliationPage(msgspec.Struct, frozen=True):
    items: Sequence[ReconciliationView]
    next_cursor: str | None


class ReconciliationItemView(msgspec.Struct, frozen=True, kw_only=True):
    """One difference. What one of the sides does not have is null there.

    duplicate_there: the provider lists it once more: money moved twice. different_amount: or in
    another currency. missing_here: we have no success of it; our_status is what we have, if
    anything. missing_there: we have a success that the provider does not list.
    """

    seq: int
    outcome: LineOutcome
    kind: OrderKind
    key: str | None
    payment_id: str | None
    our_status: str | None
    our_reference: str | None
    our_amount_minor: int | None
    our_currency: str | None
    our_at: datetime | None
    their_reference: str | None
    their_amount_minor: int | None
    their_currency: str | None
    their_at: datetime | None

    @classmethod
    def of(cls, item: Item) -> "ReconciliationItemView":
        ours, theirs = item.our_amount, item.their_amount
        return cls(
            seq=item.seq,
            outcome=item.outcome,
            kind=item.kind,
            key=item.key,
            payment_id=None if item.payment_id is None else str(item.payment_id),
            our_status=item.our_status,
            our_reference=item.our_reference,
            our_amount_minor=None if ours is None else ours.minor,
            our_currency=None if ours is None else ours.currency,
            our_at=item.our_at,
            their_reference=item.their_reference,
            their_amount_minor=None if theirs is None else theirs.minor,
            their_currency=None if theirs is None else theirs.currency,
            their_at=item.their_at,
        )


class ReconciliationFindings(ReconciliationView, frozen=True, kw_only=True):
    """A reconciliation with a page of what differed, the gravest first."""

    items: Sequence[ReconciliationItemView]
    next_cursor: str | None


def _plain(run: Reconciliation) -> dict[str, Any]:
    fields = {name: getattr(run, name) for name in ReconciliationView.__struct_fields__}
    totals = [ReconciliationTotal.of(total) for total in run.totals]
    return fields | {"id": str(run.id), "totals": totals}


@post(
    "/reconciliations",
    status_code=202,
    opt={"permission": Permission.MANAGE_PROVIDERS, "body": ReconciliationRequest},
)
async def post_reconciliation(
    request: Request[Any, Any, Any], app: App, cause: Cause
) -> ReconciliationView:
    """Compare a day with the statement of a provider.

    A worker does it: poll `GET /api/v1/reconciliations/{reconciliation_id}`. While one of the same
    day is under way, that one is the answer.
    """
    body: ReconciliationRequest = await read_body(request, ReconciliationRequest)
    run = await ask_for_reconciliation(
        app.db, cause, provider=body.provider, day=body.day, providers=app.gateway.providers
    )
    return ReconciliationView.of(run)


@get("/reconciliations", opt={"permission": Permission.READ_PROVIDERS})
async def get_reconciliations(
    app: App,
    cause: Cause,
    provider: Annotated[str | None, Parameter(pattern=r"^[a-z][a-z0-9_]{0,23}" + END)] = None,
    superseded: bool = False,
    cursor: Annotated[str | None, Parameter(max_length=200)] = None,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 50,
) -> ReconciliationPage:
    """List reconciliations, newest first: of each provider and day the last one, or all that there
    were, `superseded=true`."""
    page = await list_reconciliations(
        app.db, cause, provider=provider, is_latest=not superseded, cursor=cursor, limit=limit
    )
    return ReconciliationPage([ReconciliationView.of(run) for run in page.items], page.next_cursor)


@get("/reconciliations/{reconciliation_id:str}", opt={"permission": Permission.READ_PROVIDERS})
async def get_one_reconciliation(
    app: App,
    cause: Cause,
    reconciliation_id: str,
    outcome: LineOutcome | None = None,
    cursor: Annotated[str | None, Parameter(max_length=200)] = None,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 50,
) -> ReconciliationFindings:
    """One reconciliation, and what differed. `next_cursor` leads to the next page of that."""
    run, page = await get_reconciliation(
        app.db,
        cause,
        reconciliation_id=read_id(ReconciliationId, reconciliation_id, field="reconciliation_id"),
        outcome=outcome,
        cursor=cursor,
        limit=limit,
    )
    items = [ReconciliationItemView.of(item) for item in page.items]
    return ReconciliationFindings(**_plain(run), items=items, next_cursor=page.next_cursor)


ROUTES = [post_reconciliation, get_reconciliations, get_one_reconciliation]
