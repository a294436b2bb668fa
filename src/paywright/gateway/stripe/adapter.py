"""Stripe as a `Provider`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
import structlog

from paywright.gateway.model import (
    Answer,
    ChargeOrder,
    Declined,
    Lost,
    NotFound,
    Notice,
    Order,
    OrderKind,
    PayoutOrder,
    RefundOrder,
    StatementLine,
    Why,
)
from paywright.gateway.stripe import answers, payouts, statement
from paywright.gateway.stripe.amounts import asked
from paywright.gateway.stripe.answers import KEY
from paywright.gateway.stripe.listing import collect
from paywright.gateway.stripe.webhooks import read_notice

log = structlog.get_logger()

# Stripe forgets an idempotency key after 24 hours at the earliest. An hour is left for what is
# under way and for clocks that differ.
# Source: https://docs.stripe.com/api/idempotent_requests
_KEYS_LAST = timedelta(hours=23)
_DESCRIPTION_MAX = 500
_LOUD = (Why.UNAUTHORIZED, Why.REFUSED, Why.CONTRADICTION)  # nothing that waiting would mend
T = TypeVar("T")


def _now() -> datetime:
    return datetime.now(UTC)


class StripeProvider:
    """A `Provider`.

    api_base:        empty: Stripe's own; of a fake, `http://127.0.0.1:8900/stripe`
    timeout_ms:      for a call as a whole, also where it takes several requests
    webhook_secret:  `whsec_…`; empty: no webhook is taken for genuine
    connections_max: to Stripe at the same time, from this process
    clock:           tells whether Stripe may have forgotten an idempotency key
    Raises ValueError for what is no URL, and where the key is missing.
    """

    handles = frozenset(OrderKind)
    pays_own_accounts = True

    def __init__(
        self,
        *,
        api_key: str,
        api_base: str,
        timeout_ms: int,
        webhook_secret: str,
        connections_max: int = 300,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        parsed = urlsplit(api_base)
        if api_base and (parsed.scheme not in ("http", "https") or not parsed.hostname):
            raise ValueError("must look like https://api.stripe.com")
        if not api_key.isascii() or not api_key.isprintable() or not api_key:
            raise ValueError("needs a key, in printable ASCII")
        # The SDK takes half a second to import: only who has a key of Stripe's pays for it.
        from paywright.gateway.stripe.client import Api  # noqa: PLC0415

        self._deadline_s = timeout_ms / 1000
        self._webhook_secret = webhook_secret
        self._clock = clock
        self._api = Api(
            api_key=api_key,
            base=api_base.rstrip("/") or None,
            deadline_s=self._deadline_s,
            connections_max=connections_max,
        )

    async def close(self) -> None:
        await self._api.close()

    async def submit(self, order: Order) -> Answer:
        """An order that is old enough for its key to be forgotten is looked up first: to send it
        blindly would carry it out once more."""
        if asked(order.amount) is None:
            return Declined("invalid_amount", "a part of the smallest unit that Stripe counts")
        is_old = self._clock() - order.asked_at > _KEYS_LAST
        match order:
            case PayoutOrder():
                payouts.account_of(order.creditor)  # before anything is sent
                return await self._within(order, payouts.send(self._api, order, is_old=is_old))
            case ChargeOrder():
                return await self._within(order, self._charge(order, is_old=is_old))
            case RefundOrder():
                return await self._within(order, self._refund(order, is_old=is_old))

    async def look_up(self, order: Order) -> Answer | NotFound:
        """By lists, and never by the key: Stripe would carry out what it has forgotten.

        Of a payout that failed, the money is fetched back.
        """
        match order:
            case PayoutOrder():
                payouts.account_of(order.creditor)
                return await self._within(order, payouts.look_up(self._api, order))
            case ChargeOrder():
                return await self._within(order, self._find_charge(order))
            case RefundOrder():
                return await self._within(order, self._find_refund(order))

    def statement(self, since: datetime, until: datetime) -> AsyncIterator[StatementLine]:
        return statement.lines(self._api, since, until)

    def read_webhook(self, headers: Mapping[str, str], body: bytes, *, at: datetime) -> Notice:
        return read_notice(headers, body, secret=self._webhook_secret, at=at)

    async def _charge(self, order: ChargeOrder, *, is_old: bool) -> Answer:
        if is_old:
            found = await self._find_charge(order)
            if not isinstance(found, NotFound):
                return found
        params: dict[str, Any] = {
            "amount": asked(order.amount),
            "currency": order.amount.currency.lower(),
            "payment_method": order.payment_method,
            "payment_method_types": ["card"],
            "confirm": "true",
            "off_session": "true",
            "transfer_group": order.idempotency_key,
            "metadata": {KEY: order.idempotency_key},
        }
        if order.description:
            params["description"] = order.description[:_DESCRIPTION_MAX]
        heard = await self._api.post("/v1/payment_intents", params, key=order.idempotency_key)
        intent = answers.read_made(heard, answers.Intent, OrderKind.CHARGE)
        if not isinstance(intent, answers.Intent):
            return intent
        answer = answers.of_intent(intent, order)
        if intent.status == "requires_action" and isinstance(answer, Declined):
            return await self._cancel(order, intent)
        return answer

    async def _cancel(self, order: ChargeOrder, intent: answers.Intent) -> Answer:
        """Who would have to confirm is away: so that nobody does later, it is withdrawn."""
        heard = await self._api.post(
            f"/v1/payment_intents/{intent.id}/cancel", {}, key=f"{order.idempotency_key}:cancel"
        )
        canceled = answers.read(heard, answers.Intent)
        if isinstance(canceled, Lost):
            return msgspec.structs.replace(canceled, sent=True)
        if canceled.status != "canceled":
            return Lost(why=Why.CONTRADICTION, detail="canceled, and still alive")
        return Declined("authentication_required", "the payer would have to act", intent.id)

    async def _find_charge(self, order: ChargeOrder) -> Answer | NotFound:
        charges = await collect(
            self._api,
            "/v1/charges",
            {"transfer_group": order.idempotency_key},
            answers.Page[answers.Charge],
        )
        return charges if isinstance(charges, Lost) else answers.of_charges(charges, order)

    async def _refund(self, order: RefundOrder, *, is_old: bool) -> Answer:
        if is_old:
            found = await self._find_refund(order)
            if not isinstance(found, NotFound):
                return found
        params = {
            "payment_intent": order.charge_reference,
            "amount": asked(order.amount),
            "metadata": {KEY: order.idempotency_key},
        }
        heard = await self._api.post("/v1/refunds", params, key=order.idempotency_key)
        refund = answers.read_made(heard, answers.Refund, OrderKind.REFUND)
        return answers.of_refund(refund, order) if isinstance(refund, answers.Refund) else refund

    async def _find_refund(self, order: RefundOrder) -> Answer | NotFound:
        refunds = await collect(
            self._api,
            "/v1/refunds",
            {"payment_intent": order.charge_reference},
            answers.Page[answers.Refund],
        )
        return refunds if isinstance(refunds, Lost) else answers.of_refunds(refunds, order)

    async def _within(self, order: Order, call: Coroutine[Any, Any, T]) -> T | Lost:
        """One deadline for all requests of a call."""
        try:
            async with asyncio.timeout(self._deadline_s):
                answer = await call
        except TimeoutError:
            answer = Lost(why=Why.TIMEOUT, detail="the whole call")
        if isinstance(answer, Lost) and answer.why in _LOUD:
            log.error(
                "gateway.refused",
                provider="stripe",
                key=order.idempotency_key,
                why=answer.why.value,
                detail=answer.detail,
            )
        return answer
