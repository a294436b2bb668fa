"""How what is in the books looks from outside, at a moment, and in full where that is wanted."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from paywright.simulator.stripe.accounts import Account
from paywright.simulator.stripe.card_objects import charge_view, intent_view, refund_view
from paywright.simulator.stripe.connect_objects import payout_view, reversal_view, transfer_view
from paywright.simulator.stripe.entries import (
    Charge,
    Entry,
    Intent,
    Payout,
    Refund,
    Reversal,
    Transfer,
)
from paywright.simulator.stripe.errors import StripeError
from paywright.simulator.stripe.journal import BalanceTransaction, Happening
from paywright.simulator.stripe.moments import second
from paywright.simulator.webhooks import STRIPE_API_VERSION

View = dict[str, Any]

_DEPTH_MAX = 4  # docs.stripe.com/expand
_EXPANDABLE = frozenset(
    {
        *("data", "source", "charge", "latest_charge", "payment_intent", "transfer"),
        *("balance_transaction", "failure_balance_transaction", "destination_payment"),
    }
)


def view(account: Account, entry: Entry, at: datetime) -> View:
    """An entry as it stood at `at`."""
    match entry:
        case Intent():
            return intent_view(account, entry, at)
        case Charge():
            return charge_view(account, entry, at)
        case Refund():
            return refund_view(entry, at)
        case Transfer():
            return transfer_view(account, entry, at)
        case Reversal():
            return reversal_view(entry)
        case Payout():
            return payout_view(entry, at)


def transaction_view(it: BalanceTransaction) -> View:
    created = second(it.created_at)
    return {
        "id": it.id,
        "object": "balance_transaction",
        "amount": it.amount,
        "available_on": created,
        "created": created,
        "currency": it.currency,
        "description": it.description,
        "exchange_rate": None,
        "fee": it.fee,
        "fee_details": [_fee_detail(it)] if it.fee else [],
        "net": it.amount - it.fee,
        "reporting_category": it.type,
        "source": it.source,
        "status": "available",
        "type": it.type,
    }


def _fee_detail(it: BalanceTransaction) -> View:
    return {
        "amount": it.fee,
        "application": None,
        "currency": it.currency,
        "description": "Stripe processing fees",
        "type": "stripe_fee",
    }


def told(account: Account, happening: Happening) -> View:
    """What a happening is about, as it stood then."""
    return view(account, account.known(happening.object), happening.created_at)


def event_view(account: Account, happening: Happening) -> View:
    connected = {"account": account.connected} if account.connected else {}
    return {
        "id": happening.id,
        "object": "event",
        "api_version": STRIPE_API_VERSION,
        "created": second(happening.created_at),
        "data": {"object": told(account, happening)},
        "livemode": False,
        "pending_webhooks": 0,
        "request": {"id": happening.request_id, "idempotency_key": happening.idempotency_key},
        "type": happening.type,
        **connected,
    }


def check_paths(paths: Iterable[str]) -> None:
    """Raises StripeError, 400, for a path with a name that can never be expanded."""
    for path in paths:
        parts = path.split(".")
        if len(parts) > _DEPTH_MAX or not _EXPANDABLE.issuperset(parts):
            raise StripeError(400, f"This property cannot be expanded ({path}).", param="expand")


def expanded(account: Account, body: View, paths: Iterable[str], at: datetime) -> View:
    """With objects in place of the ids that these paths lead to: `data.source`."""
    for path in paths:
        _expand(account, body, path.split("."), at)
    return body


def _expand(account: Account, body: View, parts: list[str], at: datetime) -> None:
    name, *rest = parts
    value = body.get(name)
    if isinstance(value, str):
        body[name] = value = _full(account, value, at)
    inner: list[Any] = value if isinstance(value, list) else [value]
    for item in inner:
        if rest and isinstance(item, dict):
            _expand(account, item, rest, at)


def _full(account: Account, id: str, at: datetime) -> View | str:
    """The id itself, if it is of nothing that is in these books or that can be shown."""
    transaction = account.transactions.get(id)
    if transaction is not None:
        return transaction_view(transaction)
    entry = account.entry(id)
    if entry is not None:
        return view(account, entry, at)
    return {"id": id, "object": "charge"} if id.startswith("py_") else id
