"""The API for whoever tries things out: the knobs, and the books as they really are.

The faults never befall these routes.
"""

from collections import Counter
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import get, post, put
from litestar.datastructures import State
from litestar.params import Parameter

from paywright.simulator.books import Books
from paywright.simulator.faults import Faults, FaultSource
from paywright.simulator.requests import AnyRequest, check_token, read_body


class ResetRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`seed`: that of the dice from now on; None: the one they were started with."""

    seed: int | None = None


@get("/faults")
async def get_faults(request: AnyRequest, state: State) -> Faults:
    """The knobs as they are set."""
    check_token(request, state.token)
    return state.faults.faults


@put("/faults", status_code=200)
async def put_faults(request: AnyRequest, state: State) -> Faults:
    """Set all knobs. Those that are not named go back to their defaults."""
    check_token(request, state.token)
    faults, _ = await read_body(request, Faults)
    state.faults.faults = faults
    return faults


@get("/books")
async def get_books(
    request: AnyRequest,
    state: State,
    after: Annotated[int, Parameter(ge=0)] = 0,
    limit: Annotated[int, Parameter(ge=0, le=100_000)] = 10_000,
) -> dict[str, Any]:
    """What was really done: totals over everything, and payments in order, a page at a time.

    `after` is how many payments to pass over.
    """
    check_token(request, state.token)
    books: Books = state.books
    source: FaultSource = state.faults
    at: datetime = state.clock()
    money: Counter[str] = Counter()
    statuses: Counter[str] = Counter()
    for payment in books.payments.values():
        status = payment.status(at)
        statuses[status] += 1
        if status == "settled":
            money[payment.currency] += payment.amount_minor
    return {
        "seed": source.seed,
        "requests": dict(source.tally),
        "payments_total": len(books.payments),
        "payments_by_status": dict(statuses),
        "settled_minor": dict(money),
        "payments": [
            {**msgspec.to_builtins(payment), "status": payment.status(at)}
            for payment in books.page(after=after, limit=limit)
        ],
        "checks_total": len(books.checks),
        "checks_by_status": dict(Counter(check.status(at) for check in books.checks.values())),
    }


@post("/reset", status_code=200)
async def reset(request: AnyRequest, state: State) -> dict[str, int]:
    """Begin empty books and let the dice fall anew. The knobs stay as they are."""
    check_token(request, state.token)
    body = ResetRequest()
    if await request.body():
        body, _ = await read_body(request, ResetRequest)
    source: FaultSource = state.faults
    source.restart(source.seed if body.seed is None else body.seed)
    state.books.reset(state.clock())
    return {"seed": source.seed}


ROUTES = [get_faults, put_faults, get_books, reset]
