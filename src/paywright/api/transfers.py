"""Transfers over HTTP, alone and in batches."""

from functools import partial
from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.params import Parameter

from paywright.api.answers import respond
from paywright.api.hot import Desk, HotRoute
from paywright.api.movement_answers import RENDER
from paywright.api.movement_requests import (
    BatchRequest,
    TransferRequest,
    batch_order,
    transfer_order,
)
from paywright.api.movement_views import (
    BatchView,
    TransferPage,
    TransferView,
    transfer_on_file,
)
from paywright.api.problems import IdempotencyKeyMissing
from paywright.api.requests import one_key, read_body, read_id
from paywright.api.vendor_payment_views import render_payment
from paywright.batching import Coalescer
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.ids import AccountId, PaymentId
from paywright.payments.move import move_money
from paywright.payments.orders import Answered
from paywright.payments.patience import Patience
from paywright.payments.vendor.create import create_payments
from paywright.payments.views import get_transfer, list_transfers
from paywright.wiring import App

KeyHeader = Annotated[
    str | None,
    Parameter(header="Idempotency-Key", required=False, description="Or in the body."),
]


def open_desk(app: App) -> Desk:
    """Where movements, and bills of vendors, wait for the next transaction. Batches have a queue of
    their own: single movements do not wait behind a thousand."""
    work = partial(move_money, app.db, render=RENDER, patience=Patience(), checks=app.checks)
    bills = partial(
        create_payments, app.db, app.approval_rules, app.vendor_terms, render=render_payment
    )
    return Desk(
        moves=Coalescer(work, name="movements", batch_max=256, linger_s=0.001),
        batches=Coalescer(work, name="movement_batches", batch_max=2, queue_max=64),
        bills=Coalescer(bills, name="vendor_payments", batch_max=256, linger_s=0.001),
    )


async def submit_transfer(
    desk: Desk, cause: Cause, body: TransferRequest, key: str | None
) -> Answered:
    order = transfer_order(cause, body, key=one_key(key, body.idempotency_key))
    return await desk.moves.submit(order)


async def submit_batch(desk: Desk, cause: Cause, body: BatchRequest, key: str | None) -> Answered:
    if key is not None:
        one_key(key, None)
    elif not all(element.idempotency_key for element in body.transfers):
        raise IdempotencyKeyMissing(
            "send the header Idempotency-Key, or give each element an idempotency_key"
        )
    return await desk.batches.submit(batch_order(cause, body, key=key))


HOT = {
    "/api/v1/transfers": HotRoute(Permission.MOVE_MONEY, TransferRequest, submit_transfer),
    "/api/v1/transfers/batch": HotRoute(Permission.MOVE_MONEY, BatchRequest, submit_batch),
}


@post(
    "/transfers",
    status_code=201,
    opt={"permission": Permission.MOVE_MONEY, "body": TransferRequest},
)
async def create_transfer(
    request: Request[Any, Any, Any], cause: Cause, key: KeyHeader = None
) -> Response[TransferView]:
    """Move money from one account to another.

    It happens at once, in full or not at all, and the answer tells what both accounts had before
    and after. The same request with the same key again gets the same answer, with
    `Idempotency-Replayed: true`; so does one that was refused for what the accounts were at that
    moment (`insufficient-funds`): for a new attempt, use a new key.
    """
    body: TransferRequest = await read_body(request, TransferRequest)
    answered = await submit_transfer(request.app.state.desk, cause, body, key)
    return respond(answered.answer, replayed=answered.replayed)


@post(
    "/transfers/batch",
    status_code=200,
    opt={"permission": Permission.MOVE_MONEY, "body": BatchRequest},
)
async def create_transfer_batch(
    request: Request[Any, Any, Any], cause: Cause, key: KeyHeader = None
) -> Response[BatchView]:
    """Move money many times, in order: up to 1,000 transfers, holds and what becomes of holds.

    Each element succeeds or is refused on its own, and later ones see what earlier ones did;
    those that are `linked` to the next succeed or fail together. With `Idempotency-Key` the batch
    as a whole is done once, and the same batch again gets the same answer. An element may have an
    `idempotency_key` of its own, too: it is then never done twice, in whichever batch it comes.
    """
    body: BatchRequest = await read_body(request, BatchRequest)
    answered = await submit_batch(request.app.state.desk, cause, body, key)
    return respond(answered.answer, replayed=answered.replayed)


@get("/transfers", opt={"permission": Permission.READ_LEDGER})
async def get_transfers(
    app: App,
    cause: Cause,
    account_id: Annotated[str | None, Parameter(max_length=64)] = None,
    cursor: Annotated[str | None, Parameter(max_length=200)] = None,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 50,
) -> TransferPage:
    """List transfers, newest first, of one account or of all."""
    wanted = None if account_id is None else read_id(AccountId, account_id, field="account_id")
    page = await list_transfers(
        app.db, app.keys, cause, account_id=wanted, cursor=cursor, limit=limit
    )
    return TransferPage([transfer_on_file(it) for it in page.items], page.next_cursor)


@get("/transfers/{transfer_id:str}", opt={"permission": Permission.READ_LEDGER})
async def get_one_transfer(app: App, cause: Cause, transfer_id: str) -> TransferView:
    """One transfer, with the balances before and after. `trf_…` of its movement will do, too."""
    prefix, _, suffix = transfer_id.partition("_")
    text = f"pay_{suffix}" if prefix == "trf" else transfer_id
    payment_id = read_id(PaymentId, text, field="transfer_id")
    return transfer_on_file(await get_transfer(app.db, app.keys, cause, payment_id=payment_id))


ROUTES = [create_transfer, create_transfer_batch, get_transfers, get_one_transfer]
