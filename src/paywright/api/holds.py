"""Holds over HTTP: money that is set aside until it is posted or released."""

from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.params import Parameter

from paywright.api.answers import respond
from paywright.api.hot import Desk, HotRoute
from paywright.api.movement_requests import (
    HoldRequest,
    PostHoldRequest,
    ReleaseHoldRequest,
    hold_order,
    resolve_order,
)
from paywright.api.movement_views import HoldListed, HoldPage, HoldView, hold_listed
from paywright.api.requests import one_key, read_body, read_id
from paywright.api.transfers import KeyHeader
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.ids import AccountId, TransferId
from paywright.ledger.holds import get_hold, list_open_holds
from paywright.payments.orders import Answered
from paywright.wiring import App


async def submit_hold(desk: Desk, cause: Cause, body: HoldRequest, key: str | None) -> Answered:
    order = hold_order(cause, body, key=one_key(key, body.idempotency_key))
    return await desk.moves.submit(order)


HOT = {"/api/v1/holds": HotRoute(Permission.MOVE_MONEY, HoldRequest, submit_hold)}


@post("/holds", status_code=201, opt={"permission": Permission.MOVE_MONEY, "body": HoldRequest})
async def create_hold(
    request: Request[Any, Any, Any], cause: Cause, key: KeyHeader = None
) -> Response[HoldView]:
    """Set money aside for another account.

    It stays where it is and is not available any more, until the hold is posted, released or has
    expired.
    """
    body: HoldRequest = await read_body(request, HoldRequest)
    answered = await submit_hold(request.app.state.desk, cause, body, key)
    return respond(answered.answer, replayed=answered.replayed)


@post(
    "/holds/{hold_id:str}/post",
    status_code=200,
    opt={"permission": Permission.MOVE_MONEY, "body": PostHoldRequest},
)
async def post_hold(
    request: Request[Any, Any, Any], cause: Cause, hold_id: str, key: KeyHeader = None
) -> Response[HoldView]:
    """Move what is held, or a part of it. The rest is released."""
    body: PostHoldRequest = await read_body(request, PostHoldRequest)
    order = resolve_order(cause, hold_id, body, key=one_key(key, body.idempotency_key))
    answered = await request.app.state.desk.moves.submit(order)
    return respond(answered.answer, replayed=answered.replayed)


@post(
    "/holds/{hold_id:str}/release",
    status_code=200,
    opt={"permission": Permission.MOVE_MONEY, "body": ReleaseHoldRequest},
)
async def release_hold(
    request: Request[Any, Any, Any], cause: Cause, hold_id: str, key: KeyHeader = None
) -> Response[HoldView]:
    """Make what is held available again."""
    body: ReleaseHoldRequest = await read_body(request, ReleaseHoldRequest)
    order = resolve_order(cause, hold_id, body, key=one_key(key, body.idempotency_key))
    answered = await request.app.state.desk.moves.submit(order)
    return respond(answered.answer, replayed=answered.replayed)


@get("/holds/{hold_id:str}", opt={"permission": Permission.READ_LEDGER})
async def get_one_hold(app: App, cause: Cause, hold_id: str) -> HoldListed:
    """One hold: open, posted, released or expired."""
    wanted = read_id(TransferId, hold_id, field="hold_id")
    return hold_listed(await get_hold(app.db, cause, hold_id=wanted))


@get("/holds", opt={"permission": Permission.READ_LEDGER})
async def get_holds(
    app: App,
    cause: Cause,
    account_id: Annotated[str | None, Parameter(max_length=64)] = None,
    cursor: Annotated[str | None, Parameter(max_length=200)] = None,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 50,
) -> HoldPage:
    """List open holds, newest first, of one account or of all."""
    wanted = None if account_id is None else read_id(AccountId, account_id, field="account_id")
    page = await list_open_holds(app.db, cause, account_id=wanted, cursor=cursor, limit=limit)
    return HoldPage([hold_listed(it) for it in page.items], page.next_cursor)


ROUTES = [create_hold, post_hold, release_hold, get_one_hold, get_holds]
