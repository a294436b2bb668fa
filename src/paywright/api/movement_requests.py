"""What may be asked for: transfers, holds, what becomes of holds, and batches of these."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from paywright.api.problems import InvalidRequest
from paywright.api.requests import NO_NUL, IdempotencyKey
from paywright.core.beneficiary import Beneficiary, checked
from paywright.core.cause import Cause
from paywright.core.currencies import EXPONENT
from paywright.core.errors import Problem
from paywright.core.ids import AccountId, TransferId
from paywright.core.money import MINOR_MAX, Money
from paywright.ledger.model import Instruction, TransferKind
from paywright.payments.orders import BATCH_MAX, Element, Order, batch_claim_of, claim_of

DEFAULT_BANK = "partner_bank"

IdText = Annotated[str, Meta(max_length=64)]
Amount = Annotated[
    str,
    Meta(max_length=40, description="Decimal, in place of amount_minor: `10.99`. Never rounded."),
]
AmountMinor = Annotated[int, Meta(description="Minor units, from 1 to 2^63 - 1: 1099 for 10.99.")]
Currency = Annotated[str, Meta(max_length=3, description="ISO 4217; that of both accounts.")]
Description = Annotated[str, Meta(min_length=1, max_length=500, pattern=NO_NUL)]
Lifetime = Annotated[int, Meta(description="Seconds after which a hold releases itself.")]


class BeneficiaryRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who is paid at another bank: an `iban`, or an `account_number` with the `bic` of its bank, or
    a `provider_account` that the provider keeps itself. `bank`: which of our providers sends the
    money; another one may, while it cannot be asked."""

    name: Annotated[str, Meta(min_length=1, max_length=140, pattern=NO_NUL)]
    iban: Annotated[str, Meta(max_length=64)] | None = None
    account_number: Annotated[str, Meta(max_length=64)] | None = None
    bic: Annotated[str, Meta(max_length=16)] | None = None
    provider_account: Annotated[str, Meta(max_length=64)] | None = None
    country: Annotated[str, Meta(max_length=2)] | None = None
    bank: Annotated[str, Meta(min_length=1, max_length=24)] = DEFAULT_BANK


class MoveRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Exactly one of `amount_minor` and `amount`."""

    debit_account_id: IdText
    credit_account_id: IdText | None = None
    currency: Currency
    amount_minor: AmountMinor | None = None
    amount: Amount | None = None
    description: Description | None = None
    idempotency_key: IdempotencyKey | None = None


class TransferRequest(MoveRequest, frozen=True, kw_only=True):
    """Exactly one of `amount_minor` and `amount`, and one of `credit_account_id` and `beneficiary`.
    `otp`: the one-time code, when the same request before was answered with `requires_otp`."""

    beneficiary: BeneficiaryRequest | None = None
    otp: Annotated[str, Meta(max_length=10_000)] | None = None


class HoldRequest(MoveRequest, frozen=True, kw_only=True):
    """The same as a transfer; the money waits until the hold is posted or released."""

    expires_in_s: Lifetime | None = None


class PostHoldRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Without `amount_minor` the whole is posted. What is not posted is released."""

    amount_minor: AmountMinor | None = None
    description: Description | None = None
    idempotency_key: IdempotencyKey | None = None


class ReleaseHoldRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    description: Description | None = None
    idempotency_key: IdempotencyKey | None = None


class BatchElement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """linked: succeeds or fails together with the next one.
    balancing_debit: move no more than the debit account has in credit; balancing_credit: no more
    than the credit account has in debit. With either, the amount may be left out."""

    type: Literal["transfer", "hold", "post_hold", "release_hold"] = "transfer"
    debit_account_id: IdText | None = None
    credit_account_id: IdText | None = None
    currency: Currency | None = None
    amount_minor: AmountMinor | None = None
    amount: Amount | None = None
    description: Description | None = None
    hold_id: IdText | None = None
    expires_in_s: Lifetime | None = None
    linked: bool = False
    balancing_debit: bool = False
    balancing_credit: bool = False
    idempotency_key: IdempotencyKey | None = None


class BatchRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    transfers: Annotated[Sequence[BatchElement], Meta(min_length=1, max_length=BATCH_MAX)]


_KINDS = {
    "transfer": TransferKind.POST,
    "hold": TransferKind.HOLD,
    "post_hold": TransferKind.POST_HOLD,
    "release_hold": TransferKind.RELEASE_HOLD,
}
_account_id = lru_cache(100_000)(AccountId.parse)


def transfer_order(cause: Cause, body: TransferRequest, *, key: str) -> Order:
    """Raises the problem of one that makes no sense."""
    asked = body.beneficiary
    if asked is None:
        return _single(cause, _moving(cause, TransferKind.POST, body), key, otp=body.otp)
    if body.credit_account_id is not None:
        raise InvalidRequest.field("beneficiary", "give either credit_account_id or beneficiary")
    payee = checked(msgspec.convert(asked, Beneficiary, from_attributes=True))
    element = _moving(cause, TransferKind.HOLD, body, leaves=True)
    return _single(cause, element, key, payee=payee, otp=body.otp)


def hold_order(cause: Cause, body: HoldRequest, *, key: str) -> Order:
    return _single(cause, _moving(cause, TransferKind.HOLD, body), key)


def resolve_order(
    cause: Cause, hold_id: str, body: PostHoldRequest | ReleaseHoldRequest, *, key: str
) -> Order:
    return _single(cause, _resolving(cause, hold_id, body), key)


def batch_order(cause: Cause, body: BatchRequest, *, key: str | None) -> Order:
    """key: of the whole batch; None where each element has one of its own.

    Raises InvalidRequest for a key that stands twice in the batch.
    """
    elements: list[Element] = []
    seen: set[str] = set()
    for index, asked in enumerate(body.transfers):
        element = _of_batch(cause, asked)
        if (own := asked.idempotency_key) is not None:
            if own in seen:
                field = f"transfers[{index}].idempotency_key"
                raise InvalidRequest.field(field, "stands twice in the batch")
            seen.add(own)
            element = msgspec.structs.replace(element, claim=claim_of(element.instruction, own))
        elements.append(element)
    claim = None if key is None else batch_claim_of(body.transfers, key)
    return Order(cause=cause, elements=elements, claim=claim, is_batch=True)


def _single(
    cause: Cause,
    element: Element,
    key: str,
    *,
    payee: Beneficiary | None = None,
    otp: str | None = None,
) -> Order:
    """One that makes no sense is refused here and now. Raises its Problem."""
    if element.problem is not None:
        raise element.problem
    claim = claim_of(element.instruction, key, payee)
    made = Element(element.instruction, claim, payee=payee, otp=otp)
    return Order(cause=cause, elements=(made,))


def _of_batch(cause: Cause, asked: BatchElement) -> Element:
    kind = _KINDS[asked.type]
    if kind in (TransferKind.POST, TransferKind.HOLD):
        return _moving(cause, kind, asked)
    return _resolving(cause, asked.hold_id or "", asked)


def _moving(
    cause: Cause, kind: TransferKind, asked: MoveRequest | BatchElement, *, leaves: bool = False
) -> Element:
    """leaves: our books; the account that is credited is found later"""
    problem: Problem | None = None
    debit = credit = None
    amount_minor = asked.amount_minor
    try:
        debit = _account("debit_account_id", asked.debit_account_id)
        credit = None if leaves else _account("credit_account_id", asked.credit_account_id)
        amount_minor = _amount_minor(asked)
    except Problem as found:
        problem = found
    is_batch = isinstance(asked, BatchElement)
    if is_batch and problem is None:
        problem = _misplaced(asked, kind)
    instruction = Instruction(
        id=TransferId.new(cause.at),
        kind=kind,
        at=cause.at,
        debit_account_id=debit,
        credit_account_id=credit,
        amount_minor=amount_minor,
        currency=asked.currency,
        expires_in_s=getattr(asked, "expires_in_s", None),
        linked=is_batch and asked.linked,
        balancing_debit=is_batch and asked.balancing_debit,
        balancing_credit=is_batch and asked.balancing_credit,
        description=asked.description,
    )
    return Element(instruction, problem=problem)


def _resolving(
    cause: Cause, hold_id: str, asked: PostHoldRequest | ReleaseHoldRequest | BatchElement
) -> Element:
    posts = isinstance(asked, PostHoldRequest) or getattr(asked, "type", "") == "post_hold"
    kind = TransferKind.POST_HOLD if posts else TransferKind.RELEASE_HOLD
    problem: Problem | None = None
    hold = None
    try:
        hold = TransferId.parse(hold_id)
    except ValueError:
        problem = InvalidRequest.field("hold_id", "is not the id of a hold, trf_…")
    amount_minor = getattr(asked, "amount_minor", None)
    if amount_minor is not None and not 0 < amount_minor <= MINOR_MAX:
        problem = InvalidRequest.field("amount_minor", f"must be from 1 to {MINOR_MAX}")
    is_batch = isinstance(asked, BatchElement)
    if is_batch and problem is None:
        problem = _misplaced(asked, kind)
    instruction = Instruction(
        id=TransferId.new(cause.at),
        kind=kind,
        at=cause.at,
        amount_minor=amount_minor,
        hold_id=hold,
        linked=is_batch and asked.linked,
        description=asked.description,
    )
    return Element(instruction, problem=problem)


_OF_MOVES = (
    *("debit_account_id", "credit_account_id", "currency", "amount", "expires_in_s"),
    *("balancing_debit", "balancing_credit"),
)
_MISPLACED = {
    TransferKind.POST: ("hold_id", "expires_in_s"),
    TransferKind.HOLD: ("hold_id",),
    TransferKind.POST_HOLD: _OF_MOVES,
    TransferKind.RELEASE_HOLD: (*_OF_MOVES, "amount_minor"),
}


def _misplaced(asked: BatchElement, kind: TransferKind) -> Problem | None:
    """A field that an element of its type does not have: better refused than passed over."""
    for name in _MISPLACED[kind]:
        if getattr(asked, name) not in (None, False):
            return InvalidRequest.field(name, f"has no meaning for a {asked.type}")
    return None


def _account(field: str, text: str | None) -> AccountId:
    if text is None:
        raise InvalidRequest.field(field, "is missing")
    try:
        return _account_id(text)
    except ValueError:
        raise InvalidRequest.field(field, "is not the id of an account, acc_…") from None


def _amount_minor(asked: MoveRequest | BatchElement) -> int | None:
    if asked.currency not in EXPONENT:
        raise InvalidRequest.field("currency", f"{asked.currency!r} is not a currency of ISO 4217")
    minor = asked.amount_minor
    if asked.amount is not None:
        if minor is not None:
            raise InvalidRequest.field("amount", "give either amount or amount_minor")
        try:
            minor = Money.parse(asked.amount, asked.currency).minor
        except ValueError as error:
            raise InvalidRequest.field("amount", str(error)) from None
        if minor <= 0:
            raise InvalidRequest.field("amount", "must be above 0")
    if minor is None:
        if isinstance(asked, BatchElement) and (asked.balancing_debit or asked.balancing_credit):
            return None
        raise InvalidRequest.field("amount_minor", "is missing")
    if not 0 < minor <= MINOR_MAX:
        raise InvalidRequest.field("amount_minor", f"must be from 1 to {MINOR_MAX}")
    return minor
