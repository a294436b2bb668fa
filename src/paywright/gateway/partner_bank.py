"""The partner bank: payments to other banks over its HTTP API.

`paywright simulate-provider` speaks the same API; `simulator/bank.py` is its other side.
"""

import re
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit

import msgspec
import structlog

from paywright.gateway import bank_statement, bank_webhooks
from paywright.gateway.connections import Connections
from paywright.gateway.heard import Heard
from paywright.gateway.model import (
    Answer,
    Approved,
    Declined,
    Lost,
    NotFound,
    Notice,
    Order,
    OrderKind,
    PayoutOrder,
    Pending,
    SignatureInvalid,
    StatementLine,
    Why,
)

log = structlog.get_logger()

_REASON_CODE = re.compile(r"[A-Z]{2}[A-Z0-9]{2}")
# ISO 20022 for "see the text": what a rejection without a code is given.
_NO_CODE = "NARR"
_TEXT_MAX = 200
_DESCRIPTION_MAX = 140  # what fits into a SEPA credit transfer


class _Payment(msgspec.Struct, frozen=True):
    """The parts of the bank's payment that we go by. More fields may come."""

    id: str
    idempotency_key: str
    status: Literal["accepted", "settled", "rejected"]
    amount_minor: int
    currency: str
    reason_code: str | None = None
    reason: str | None = None


class _Refusal(msgspec.Struct, frozen=True):
    code: str
    message: str = ""
    reason_code: str | None = None


class PartnerBank:
    """A `Provider` of payouts to accounts at banks.

    url:             of the API, `https://api.example.com/bank/v1`
    token:           our bearer token
    timeout_ms:      for one call, from waiting for a connection to the last byte of the answer
    webhook_secret:  `whsec_` and base64; empty: no webhook is taken for genuine
    connections_max: to the bank at the same time, from this process
    Raises ValueError for what is no URL or no secret, and where the token is missing.
    """

    handles = frozenset({OrderKind.PAYOUT})
    pays_own_accounts = False

    def __init__(
        self,
        *,
        url: str,
        token: str,
        timeout_ms: int,
        webhook_secret: str = "",
        connections_max: int = 300,
    ) -> None:
        parsed = urlsplit(url)
        if parsed.scheme not in ("http", "https") or not parsed.hostname:
            raise ValueError("must look like https://api.example.com/bank/v1")
        if not token.isascii() or not token.isprintable() or not token:
            raise ValueError("needs a token, in printable ASCII")
        self._webhook_key = bank_webhooks.signing_key(webhook_secret) if webhook_secret else None
        self._connections = Connections(
            deadline_s=timeout_ms / 1000,
            connections_max=connections_max,
            base_url=url.rstrip("/"),
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
        )

    async def close(self) -> None:
        await self._connections.close()

    async def submit(self, order: Order) -> Answer:
        order = _payout(order)
        heard = await self._connections.exchange(
            "POST",
            "/payments",
            content=msgspec.json.encode(_request(order)),
            headers={
                "Idempotency-Key": order.idempotency_key,
                "Content-Type": "application/json",
            },
        )
        if isinstance(heard, Lost):
            return heard
        if 200 <= heard.status < 300:
            return _read(heard, order)
        refusal = _refusal(heard)
        if heard.status == 422 and refusal is not None:
            code = refusal.reason_code or ""
            if _REASON_CODE.fullmatch(code):  # what is wrong is the order: a definite no
                return Declined(code, refusal.message[:_TEXT_MAX])
        return _lost(heard, refusal)

    async def look_up(self, order: Order) -> Answer | NotFound:
        order = _payout(order)
        heard = await self._connections.exchange(
            "GET",
            "/payments",
            params={"idempotency_key": order.idempotency_key},
        )
        if isinstance(heard, Lost):
            return heard
        if heard.status == 200:
            return _read(heard, order)
        refusal = _refusal(heard)
        # In the bank's own words: the 404 of a wrong address or of a proxy says nothing about a
        # payment, and to take it for "never seen" would pay twice.
        if heard.status == 404 and refusal is not None and refusal.code == "payment_not_found":
            return NotFound()
        return _lost(heard, refusal)

    def statement(self, since: datetime, until: datetime) -> AsyncIterator[StatementLine]:
        return bank_statement.lines(self._connections, since, until)

    def read_webhook(self, headers: Mapping[str, str], body: bytes, *, at: datetime) -> Notice:
        if self._webhook_key is None:
            raise SignatureInvalid("no secret is set up for webhooks of the bank's")
        return bank_webhooks.read(headers, body, key=self._webhook_key, at=at)


def _payout(order: Order) -> PayoutOrder:
    if not isinstance(order, PayoutOrder):
        raise ValueError(f"a bank has nothing to do with a {order.kind}")  # noqa: TRY004 - as told
    return order


def _request(order: PayoutOrder) -> dict[str, object]:
    creditor = msgspec.to_builtins(order.creditor)
    return {
        "amount_minor": order.amount.minor,
        "currency": order.amount.currency,
        "debtor_reference": order.debtor_reference,
        "creditor": {
            name: value
            for name, value in creditor.items()
            if value is not None and name != "provider_account"
        },
        "end_to_end_id": order.idempotency_key,
        "description": order.description[:_DESCRIPTION_MAX],
    }


def _read(heard: Heard, order: PayoutOrder) -> Answer:
    """The bank's payment, which must be the one that we asked about."""
    try:
        payment = msgspec.json.decode(heard.body, type=_Payment)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return Lost(why=Why.UNREADABLE, detail=f"status {heard.status}, not a payment")
    told = (payment.idempotency_key, payment.amount_minor, payment.currency)
    if told != (order.idempotency_key, order.amount.minor, order.amount.currency):
        log.error("gateway.contradiction", provider="partner_bank", key=order.idempotency_key)
        return Lost(why=Why.CONTRADICTION, detail="the answer is about another payment")
    match payment.status:
        case "settled":
            return Approved(payment.id)
        case "accepted":
            return Pending(payment.id)
        case "rejected":
            reason = (payment.reason or "")[:_TEXT_MAX]
            return Declined(payment.reason_code or _NO_CODE, reason, payment.id)


def _refusal(heard: Heard) -> _Refusal | None:
    try:
        return msgspec.json.decode(heard.body, type=_Refusal)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


_WHY = {
    401: Why.UNAUTHORIZED,
    403: Why.UNAUTHORIZED,
    408: Why.TIMEOUT,
    409: Why.CONFLICT,
    429: Why.THROTTLED,
}


def _lost(heard: Heard, refusal: _Refusal | None) -> Lost:
    """An answer that does not settle anything."""
    if heard.status >= 500:
        why = Why.SERVER_ERROR
    elif refusal is not None and refusal.code == "idempotency_key_reused":
        # For another order, which may have moved money: their file differs from ours.
        why = Why.CONTRADICTION
    elif heard.status >= 400:
        why = _WHY.get(heard.status, Why.REFUSED)
    else:
        why = Why.UNREADABLE  # a redirect, say
    code = "" if refusal is None else refusal.code[:50]
    if why in (Why.UNAUTHORIZED, Why.REFUSED, Why.CONTRADICTION):
        # Nothing that waiting would mend: a person has to look.
        log.error("gateway.refused", provider="partner_bank", status=heard.status, code=code)
    detail = f"status {heard.status} {code}".rstrip()
    return Lost(why=why, detail=detail, retry_after_s=heard.retry_after_s)
