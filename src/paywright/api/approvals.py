"""Delegations of the right to approve, over HTTP."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import Parameter
from msgspec import Meta

from paywright.api.answers import respond
from paywright.api.customers import CurrencyCode
from paywright.api.problems import InvalidRequest
from paywright.api.requests import END, NO_NUL, idempotency_key, in_our_time, read_body, read_id
from paywright.approvals.delegate import NewDelegation, delegate
from paywright.approvals.delegations import list_delegations
from paywright.approvals.end_delegation import end_delegation
from paywright.approvals.model import Delegation
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.ids import DelegationId
from paywright.core.money import MINOR_MAX, Money
from paywright.wiring import App

Zoned = Annotated[datetime, Meta(tz=True)]


class DelegationRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """delegate: a user, `usr_…`, or who is known to another issuer, `oidc:…`. Without `starts_at`
    it begins now. With `amount_max_minor` it is for amounts up to that, in `currency`."""

    delegate: Annotated[str, Meta(pattern=r"^(usr_|oidc:)[!-~]([ -~]{0,254})" + END)]
    reason: Annotated[str, Meta(min_length=1, max_length=500, pattern=NO_NUL)]
    expires_at: Zoned
    starts_at: Zoned | None = None
    amount_max_minor: Annotated[int, Meta(ge=1, le=MINOR_MAX)] | None = None
    currency: CurrencyCode | None = None


class DelegationView(msgspec.Struct, frozen=True, kw_only=True):
    """The delegate may approve in the delegator's stead, in this role; for as long as the
    delegator has that role."""

    id: str
    delegator: str
    delegate: str
    role: str
    reason: str
    starts_at: datetime
    expires_at: datetime
    amount_max_minor: int | None
    currency: str | None
    created_at: datetime
    ended_at: datetime | None
    ended_by: str | None

    @classmethod
    def of(cls, it: Delegation) -> "DelegationView":
        return cls(
            id=str(it.id),
            delegator=it.delegator,
            delegate=it.delegate,
            role=it.role,
            reason=it.reason,
            starts_at=it.starts_at,
            expires_at=it.expires_at,
            amount_max_minor=None if it.limit is None else it.limit.minor,
            currency=None if it.limit is None else it.limit.currency,
            created_at=it.created_at,
            ended_at=it.ended_at,
            ended_by=it.ended_by,
        )


class DelegationPage(msgspec.Struct, frozen=True):
    items: Sequence[DelegationView]
    next_cursor: str | None


@post(
    "/approval-delegations",
    status_code=201,
    opt={"permission": Permission.APPROVE, "body": DelegationRequest},
)
async def create_delegation(
    request: Request[Any, Any, Any],
    app: App,
    cause: Cause,
    key: Annotated[str | None, Parameter(header="Idempotency-Key", required=False)] = None,
) -> Response[DelegationView]:
    """Let somebody else approve in your stead, for 90 days at most.

    Only your own right, and only signed in, not by a key. Nobody approves by it what they or you
    have made. Needs an `Idempotency-Key`; the same request with the same key again gets the same
    answer, with `Idempotency-Replayed: true`.
    """
    body: DelegationRequest = await read_body(request, DelegationRequest)
    starts_at = body.starts_at
    granted = await delegate(
        app.db,
        cause,
        wanted=NewDelegation(
            delegate=body.delegate,
            reason=body.reason,
            expires_at=in_our_time("expires_at", body.expires_at),
            starts_at=None if starts_at is None else in_our_time("starts_at", starts_at),
            limit=_limit(body),
        ),
        key=idempotency_key(request),
        render=lambda it: msgspec.json.encode(DelegationView.of(it)),
    )
    return respond(granted.answer, replayed=granted.replayed)


@get("/approval-delegations", opt={"permission": Permission.MANAGE_SELF})
async def get_delegations(
    app: App,
    cause: Cause,
    in_force: bool = False,
    cursor: Annotated[str | None, Parameter(max_length=200)] = None,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 50,
) -> DelegationPage:
    """Delegations that you have given or received, newest first; all of them for who manages users.

    in_force: only those that are not over
    """
    page = await list_delegations(app.db, cause, only_open=in_force, cursor=cursor, limit=limit)
    return DelegationPage([DelegationView.of(it) for it in page.items], page.next_cursor)


@post(
    "/approval-delegations/{delegation_id:str}/end",
    status_code=200,
    opt={"permission": Permission.MANAGE_SELF},
)
async def create_delegation_end(app: App, cause: Cause, delegation_id: str) -> DelegationView:
    """End a delegation that you have given or received, or anybody's if you manage users.

    Takes no body. It stays on file; ending it twice is once.
    """
    wanted = read_id(DelegationId, delegation_id, field="delegation_id")
    return DelegationView.of(await end_delegation(app.db, cause, delegation_id=wanted))


def _limit(body: DelegationRequest) -> Money | None:
    if (body.amount_max_minor is None) != (body.currency is None):
        message = "goes with a currency, and it with this"
        raise InvalidRequest.field("amount_max_minor", message)
    if body.amount_max_minor is None or body.currency is None:
        return None
    try:
        return Money(body.amount_max_minor, body.currency)
    except ValueError as error:
        raise InvalidRequest.field("currency", str(error)) from None


ROUTES = [create_delegation, get_delegations, create_delegation_end]
