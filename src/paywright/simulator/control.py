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
from paywright.simulator.delivery import Webhooks, listed
from paywright.simulator.faults import AllFaults, Faults, Side
from paywright.simulator.requests import AnyRequest, Refused, check_token, read_body
from paywright.simulator.statements import CONTROL_ROUTES, Untruths
from paywright.simulator.stripe import report
from paywright.simulator.stripe.edge import STRIPE_KEY
from paywright.simulator.webhooks import Hooks, SecretUnusable, check_hooks


class ResetRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`seed`: that of the dice from now on; None: the one they were started with."""

    seed: int | None = None


@get("/faults")
async def get_faults(request: AnyRequest, state: State) -> dict[str, Any]:
    """The knobs as they were last set for all, and in `sides` as they are for each."""
    check_token(request, state.token)
    source: AllFaults = state.faults
    sides = {side: one.faults for side, one in source.sides.items()}
    return {**msgspec.to_builtins(source.faults), "sides": sides}


@put("/faults", status_code=200)
async def put_faults(request: AnyRequest, state: State) -> Faults:
    """Set all knobs of all sides. Those that are not named go back to their defaults."""
    check_token(request, state.token)
    faults, _ = await read_body(request, Faults)
    state.faults.set_all(faults)
    return faults


@put("/faults/{side:str}", status_code=200)
async def put_faults_of_side(request: AnyRequest, state: State, side: Side) -> Faults:
    """Set all knobs of one side. Those that are not named go back to their defaults."""
    check_token(request, state.token)
    faults, _ = await read_body(request, Faults)
    state.faults.sides[side].faults = faults
    return faults


@get("/webhooks")
async def get_hooks(request: AnyRequest, state: State) -> Hooks:
    """Where each side tells its events."""
    check_token(request, state.token)
    return state.webhooks.hooks


@put("/webhooks", status_code=200)
async def put_hooks(request: AnyRequest, state: State) -> Hooks:
    """Say where each side tells its events from now on. One that is not named tells nobody."""
    check_token(request, state.token)
    hooks, _ = await read_body(request, Hooks)
    try:
        check_hooks(hooks)
    except SecretUnusable as error:
        raise Refused(400, "malformed", str(error)) from None
    state.webhooks.set_hooks(hooks)
    return hooks


@get("/webhooks/deliveries")
async def get_deliveries(
    request: AnyRequest,
    state: State,
    after: Annotated[int, Parameter(ge=0)] = 0,
    limit: Annotated[int, Parameter(ge=0, le=100_000)] = 10_000,
) -> dict[str, Any]:
    """What became of each event that was announced, in that order, a page at a time."""
    check_token(request, state.token)
    return listed(state.webhooks, after=after, limit=limit)


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
    source: AllFaults = state.faults
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
        "requests": source.tally(),
        "requests_by_side": {side: dict(one.tally) for side, one in source.sides.items()},
        "payments_total": len(books.payments),
        "payments_by_status": dict(statuses),
        "settled_minor": dict(money),
        "payments": [
            {**msgspec.to_builtins(payment), "status": payment.status(at)}
            for payment in books.page(after=after, limit=limit)
        ],
        "checks_total": len(books.checks),
        "checks_by_status": dict(Counter(check.status(at) for check in books.checks.values())),
        "stripe": report.totals(books.stripe, at),
    }


@get("/books/stripe")
async def get_stripe_books(
    request: AnyRequest,
    state: State,
    kind: report.Kind,
    api_key: str = STRIPE_KEY,
    account: str = "",
    after: Annotated[int, Parameter(ge=0)] = 0,
    limit: Annotated[int, Parameter(ge=0, le=100_000)] = 10_000,
) -> dict[str, Any]:
    """What was really done at Stripe for one secret key: entries of a kind in order, a page at a
    time. `account`: of a connected account; payouts are there."""
    check_token(request, state.token)
    books: Books = state.books
    entries = report.entries(
        books.stripe.account(api_key, account), kind, after=after, limit=limit, at=state.clock()
    )
    total = report.count(books.stripe.account(api_key, account), kind)
    return {"kind": kind, "total": total, "entries": entries}


@post("/reset", status_code=200)
async def reset(request: AnyRequest, state: State) -> dict[str, int]:
    """Begin empty books and let the dice fall anew. The knobs and the hooks stay as they are; what
    was announced and not sent yet is forgotten, and the statement tells the truth again."""
    check_token(request, state.token)
    body = ResetRequest()
    if await request.body():
        body, _ = await read_body(request, ResetRequest)
    source: AllFaults = state.faults
    source.restart(source.seed if body.seed is None else body.seed)
    webhooks: Webhooks = state.webhooks
    webhooks.forget()
    state.books.reset(state.clock())
    state.untruths = Untruths()
    return {"seed": source.seed}


ROUTES = [
    *(get_faults, put_faults, put_faults_of_side),
    *(get_hooks, put_hooks, get_deliveries),
    *CONTROL_ROUTES,
    *(get_books, get_stripe_books, reset),
]
