"""Transfers to connected accounts, their reversals, and payouts from there to a bank."""

import re
from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from paywright.simulator.stripe.edge import Acted, Call, found
from paywright.simulator.stripe.entries import Payout, Reversal, Transfer
from paywright.simulator.stripe.errors import StripeError, no_such
from paywright.simulator.stripe.forms import parse
from paywright.simulator.stripe.intents import Currency, Metadata, Text, check_amount
from paywright.simulator.stripe.tokens import CLOSED_ACCOUNT, MISSING_ACCOUNT

_ACCOUNT = re.compile(r"acct_\w{1,100}", re.ASCII)
_AT_LEAST = timedelta(milliseconds=1)  # a payout is always pending when it is answered


class CreateTransfer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    amount: int
    currency: Currency
    destination: str
    description: Text | None = None
    expand: list[str] = []
    metadata: Metadata = {}
    source_transaction: str | None = None
    source_type: Literal["card"] = "card"
    transfer_group: Text | None = None


class CreateReversal(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    amount: int | None = None
    description: Text | None = None
    expand: list[str] = []
    metadata: Metadata = {}


class CreatePayout(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    amount: int
    currency: Currency
    description: Text | None = None
    expand: list[str] = []
    metadata: Metadata = {}
    method: Literal["standard", "instant"] = "standard"
    source_type: Literal["card"] = "card"
    statement_descriptor: Annotated[str, Meta(max_length=22)] | None = None


def create_transfer(call: Call) -> Acted:
    """The platform's balance may fall below zero: nobody has to charge first."""
    body = parse(call.form, CreateTransfer)
    check_amount(body.amount, least=1)
    if not _ACCOUNT.fullmatch(body.destination) or body.destination == MISSING_ACCOUNT:
        raise no_such("destination", body.destination, param="destination", status=400)
    if body.source_transaction is not None:
        charges, id = call.account.charges, body.source_transaction
        found(call, charges, "charge", param="source_transaction", id=id)
    transfer = Transfer(
        id=call.books.next_id("tr"),
        created_at=call.at,
        idempotency_key=call.idempotency_key,
        amount=body.amount,
        currency=body.currency.lower(),
        description=body.description,
        destination=body.destination,
        metadata=body.metadata,
        source_transaction=body.source_transaction,
        transfer_group=body.transfer_group,
    )
    return Acted(transfer.id, (transfer,))


def create_reversal(call: Call) -> Acted:
    """Take back a transfer. The connected account may fall below zero by it, as with Stripe."""
    body = parse(call.form, CreateReversal)
    transfer = found(call, call.account.transfers, "transfer")
    before = call.account.reversals.labelled("transfer", transfer.id)
    left = transfer.amount - sum(it.amount for it in before)
    if left == 0:
        raise StripeError(400, f"Transfer {transfer.id} is already fully reversed.", param="id")
    amount = left if body.amount is None else body.amount
    check_amount(amount, least=1)
    if amount > left:
        raise StripeError(
            400,
            f"Reversal amount ({amount}) is greater than unreversed amount on transfer ({left})",
            param="amount",
        )
    reversal = Reversal(
        id=call.books.next_id("trr"),
        created_at=call.at,
        idempotency_key=call.idempotency_key,
        transfer=transfer.id,
        destination=transfer.destination,
        amount=amount,
        currency=transfer.currency,
        metadata=body.metadata,
    )
    return Acted(reversal.id, (reversal,))


def create_payout(call: Call) -> Acted:
    """A connected account pays out what it has."""
    body = parse(call.form, CreatePayout)
    check_amount(body.amount, least=1)
    account, currency = call.account.connected, body.currency.lower()
    if account and call.account.balance(call.at).get(currency, 0) < body.amount:
        raise StripeError(
            400,
            f"You have insufficient funds in your Stripe account for this payout ({currency}).",
            code="balance_insufficient",
            param="amount",
        )
    payout = Payout(
        id=call.books.next_id("po"),
        created_at=call.at,
        final_at=call.at + max(call.settle_after, _AT_LEAST),
        idempotency_key=call.idempotency_key,
        account=account,
        amount=body.amount,
        currency=currency,
        description=body.description,
        metadata=body.metadata,
        method=body.method,
        statement_descriptor=body.statement_descriptor,
        failure_code="account_closed" if account == CLOSED_ACCOUNT else None,
    )
    return Acted(payout.id, (payout,))
