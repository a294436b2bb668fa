"""What the adapters are tried with: each with each kind of order that it handles."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from tests.builders import eur
from tests.gateway.ordering import a_charge, a_creditor, a_refund, an_account_holder, an_order
from tests.simulator.simulating import TOKEN, Simulator

from paywright.core.money import Money
from paywright.gateway.model import Approved, Order, OrderKind, Provider
from paywright.gateway.partner_bank import PartnerBank
from paywright.gateway.stripe.adapter import StripeProvider

STRIPE_KEY = "sk_test_simulator"
BANK_SECRET = "whsec_b2YgYSB0ZXN0LCBhbmQgbG9uZyBlbm91Z2g="
STRIPE_SECRET = "whsec_of_a_test"


def open_bank(urls: dict[str, str], *, is_known: bool, timeout_ms: int) -> Provider:
    return PartnerBank(
        url=urls["bank"],
        token=TOKEN if is_known else "wrong",
        timeout_ms=timeout_ms,
        webhook_secret=BANK_SECRET,
    )


def open_stripe(urls: dict[str, str], *, is_known: bool, timeout_ms: int) -> Provider:
    return StripeProvider(
        api_key=STRIPE_KEY if is_known else "sk_test_wrong",
        api_base=urls["stripe"],
        timeout_ms=timeout_ms,
        webhook_secret=STRIPE_SECRET,
    )


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """An adapter and a kind of order.

    make:      an order that is carried out, or what the changes make of it
    declined:  changes after which the answer is no, and the code of it
    refused:   changes after which nothing is even taken in, and the code of it
    later:     changes after which it is pending for a while, and then approved or declined
    steps:     requests that it takes
    carried:   minor units and number of what was really done
    """

    side: str
    secret: str
    open: Callable[..., Provider]
    kind: OrderKind
    make: Callable[..., Order]
    declined: list[tuple[dict[str, Any], str]]
    refused: list[tuple[dict[str, Any], str]]
    later: list[tuple[dict[str, Any], type]]
    carried: Callable[[Simulator], tuple[int, int]]
    steps: int = 1


def now() -> dict[str, Any]:
    return {"asked_at": datetime.now(UTC)}


def _settled(simulator: Simulator) -> tuple[int, int]:
    books = simulator.books()
    return books["settled_minor"].get("EUR", 0), books["payments_by_status"].get("settled", 0)


def entries(simulator: Simulator, kind: str, account: str = "") -> list[dict[str, Any]]:
    found = simulator.http.get("/control/books/stripe", params={"kind": kind, "account": account})
    return found.json()["entries"]


def _of_stripe(kind: str, status: str, account: str = "") -> Callable[[Simulator], tuple[int, int]]:
    def carried(simulator: Simulator) -> tuple[int, int]:
        done = [it for it in entries(simulator, kind, account) if it["status"] == status]
        return sum(it["amount"] for it in done), len(done)

    return carried


def _bank_order(**changes: Any) -> Order:
    return an_order(**now() | changes)


def _charge(**changes: Any) -> Order:
    return a_charge(**now() | changes)


def _payout(**changes: Any) -> Order:
    return an_order(**now() | {"creditor": an_account_holder()} | changes)


def _refund(**changes: Any) -> Order:
    return a_refund(**now() | changes)


CASES = {
    "partner_bank-payout": Case(
        side="bank",
        secret=BANK_SECRET,
        open=open_bank,
        kind=OrderKind.PAYOUT,
        make=_bank_order,
        declined=[
            ({"creditor": a_creditor(name=f"Nordlicht {code}")}, code)
            for code in ("AC01", "AC04", "AM04", "RR04", "MS03")
        ],
        refused=[({"creditor": a_creditor(iban="DE00370400440532013000")}, "AC01")],
        later=[
            ({"creditor": a_creditor(name="Nordlicht Later")}, Approved),
            ({"creditor": a_creditor(name="Nordlicht Returned")}, type(None)),
        ],
        carried=_settled,
    ),
    "stripe-charge": Case(
        side="stripe",
        secret=STRIPE_SECRET,
        open=open_stripe,
        kind=OrderKind.CHARGE,
        make=_charge,
        declined=[
            ({"payment_method": f"pm_simulator_decline_{code}"}, code)
            for code in ("insufficient_funds", "expired_card", "authentication_required")
        ],
        refused=[({"payment_method": "pm_nobody"}, "resource_missing")],
        later=[
            ({"payment_method": "pm_simulator_processing"}, Approved),
            ({"payment_method": "pm_simulator_processing_fails"}, type(None)),
        ],
        carried=_of_stripe("charges", "succeeded"),
    ),
    "stripe-refund": Case(
        side="stripe",
        secret=STRIPE_SECRET,
        open=open_stripe,
        kind=OrderKind.REFUND,
        make=_refund,
        declined=[({"amount": eur(1_78)}, "lost_or_stolen_card")],
        refused=[],
        later=[({"amount": eur(1_77)}, Approved), ({"amount": eur(1_78)}, type(None))],
        carried=_of_stripe("refunds", "succeeded"),
    ),
    "stripe-payout": Case(
        side="stripe",
        secret=STRIPE_SECRET,
        open=open_stripe,
        kind=OrderKind.PAYOUT,
        make=_payout,
        declined=[({"creditor": an_account_holder("acct_simulator_closed")}, "account_closed")],
        refused=[({"creditor": an_account_holder("acct_simulator_missing")}, "resource_missing")],
        later=[
            ({}, Approved),
            ({"creditor": an_account_holder("acct_simulator_closed")}, type(None)),
        ],
        carried=_of_stripe("payouts", "paid", "acct_nordlicht"),
        steps=2,
    ),
}

LARGE = Money(5_000_00, "EUR")  # of the charge that is refunded


async def orders_of(case: Case, urls: dict[str, str], count: int, **changes: Any) -> list[Order]:
    """That many, ready to be submitted: what is to be refunded was charged."""
    if case.kind is not OrderKind.REFUND:
        return [case.make(**changes) for _ in range(count)]
    provider = case.open(urls, is_known=True, timeout_ms=10_000)
    charge = _charge(amount=LARGE)
    answer = await provider.submit(charge)
    assert isinstance(answer, Approved), answer
    await provider.close()
    return [case.make(charge_reference=answer.reference, **changes) for _ in range(count)]
