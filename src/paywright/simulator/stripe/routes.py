"""Which path leads to which act or look. All are below `/stripe`."""

from litestar import Response, get, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler

from paywright.simulator.requests import AnyRequest
from paywright.simulator.stripe import intents, lists, refunds, transfers
from paywright.simulator.stripe.edge import Act, Look, answer_act, answer_look
from paywright.simulator.stripe.lists import many, one


def _act(path: str, act: Act) -> HTTPRouteHandler:
    @post("/v1" + path, status_code=200)
    async def handle(request: AnyRequest, state: State) -> Response[bytes]:
        return await answer_act(request, state, act)

    return handle


def _look(path: str, look: Look) -> HTTPRouteHandler:
    @get("/v1" + path)
    async def handle(request: AnyRequest, state: State) -> Response[bytes]:
        return await answer_look(request, state, look)

    return handle


ROUTES = [
    _act("/payment_intents", intents.create_intent),
    _act("/payment_intents/{id:str}/confirm", intents.confirm_intent),
    _act("/payment_intents/{id:str}/cancel", intents.cancel_intent),
    _look("/payment_intents/{id:str}", one("pi", "payment_intent", param="intent")),
    _look("/payment_intents", many("pi", "/v1/payment_intents", by=("customer",))),
    _look("/charges/{id:str}", one("ch", "charge")),
    _look(
        "/charges",
        many("ch", "/v1/charges", by=("payment_intent", "transfer_group", "customer")),
    ),
    _act("/refunds", refunds.create_refund),
    _look("/refunds/{id:str}", one("re", "refund")),
    _look("/refunds", many("re", "/v1/refunds", by=("payment_intent", "charge"))),
    _act("/transfers", transfers.create_transfer),
    _act("/transfers/{id:str}/reversals", transfers.create_reversal),
    _look("/transfers/{id:str}", one("tr", "transfer")),
    _look("/transfers", many("tr", "/v1/transfers", by=("transfer_group", "destination"))),
    _act("/payouts", transfers.create_payout),
    _look("/payouts/{id:str}", one("po", "payout")),
    _look("/payouts", many("po", "/v1/payouts", by=())),
    _look("/balance_transactions", lists.transactions),
    _look("/balance", lists.balance),
    _look("/events", lists.events),
]
