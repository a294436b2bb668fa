"""What a provider carries out for us: a payment to an account elsewhere, a charge, a refund. Pure.

All three are settled alike: asked for under their own id as the idempotency key, looked up while
the answer is missing, and recorded once.
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from paywright.core.errors import Unavailable
from paywright.core.ids import AccountId, PaymentId, RefundId, TransferId
from paywright.core.money import Money
from paywright.crypto import KeyRing
from paywright.gateway.model import (
    Answer,
    Approved,
    ChargeOrder,
    Creditor,
    Declined,
    Lost,
    NotFound,
    Order,
    OrderKind,
    PayoutOrder,
    Pending,
    Provider,
    RefundOrder,
)
from paywright.ledger.model import Instruction, TransferKind
from paywright.payments.sealing import unseal
from paywright.payments.tasks import Target


class ProviderUnavailable(Unavailable):
    """The provider that would have to be asked is not asked at the moment.

    It has failed too often, or an operator has taken it out of use. Nothing was done, and no
    provider was asked. Send the request again, with the same key, after the seconds in
    `Retry-After`.
    """


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a provider carries out, as it stands on file.

    id:               of the payment, or of the refund
    status:           of the same
    asked_at:         when it was first meant to be submitted
    debit_account_id, credit_account_id: as its money moves in our books
    beneficiary:      of a payout, encrypted
    payment_method:   of a charge, the provider's token
    charge_reference: of a refund, the provider's name for the charge
    is_vendor_payment: of a payout
    """

    id: UUID
    payment_id: PaymentId
    kind: OrderKind
    status: str
    provider: str
    amount: Money
    asked_at: datetime
    debit_account_id: AccountId
    credit_account_id: AccountId
    description: str | None = None
    beneficiary: bytes | None = None
    customer_id: str | None = None
    payment_method: str | None = None
    charge_reference: str | None = None
    is_vendor_payment: bool = False

    @property
    def target(self) -> Target:
        return RefundId.of(self.id) if self.kind is OrderKind.REFUND else self.payment_id

    @property
    def is_open(self) -> bool:
        """Whether it is still to be found out what the provider does with it."""
        return self.status in ("processing", "unknown")


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer means for an operation. status: None where it stays as it is"""

    status: str | None
    reason: str = ""
    failure_code: str | None = None
    reference: str | None = None

    @property
    def is_final(self) -> bool:
        return self.status in ("succeeded", "failed")


def judge(operation: Operation, answer: Answer | NotFound) -> Verdict:
    """A lost answer is `unknown`, never `failed`; what was never sent changes nothing, and neither
    does what was looked for in vain: it may yet arrive."""
    if not operation.is_open:
        return Verdict(status=None)
    match answer:
        case Approved(reference=reference):
            return Verdict(status="succeeded", reason="approved", reference=reference)
        case Declined(code=code, reference=reference):
            return Verdict(status="failed", reason=code, failure_code=code, reference=reference)
        case Pending(reference=reference):
            return Verdict(status=None, reference=reference)
        case Lost(sent=True) if operation.status == "processing":
            return Verdict(status="unknown", reason="answer_lost")
    return Verdict(status=None)


def contradicts(operation: Operation, answer: Answer | NotFound) -> bool:
    """Whether the provider says now that it did what is on file as failed, or the reverse. Nothing
    follows by itself: money may have moved twice, or not at all, and a person has to look."""
    if isinstance(answer, Approved):
        return operation.status == "failed"
    settled = ("succeeded", "partially_refunded", "refunded", "disputed")
    return isinstance(answer, Declined) and operation.status in settled


def order_of(operation: Operation, keys: KeyRing) -> Order:
    """What the provider is asked."""
    match operation.kind:
        case OrderKind.PAYOUT:
            return _payout(operation, keys)
        case OrderKind.CHARGE:
            return ChargeOrder(
                payment_id=operation.payment_id,
                amount=operation.amount,
                customer_id=operation.customer_id or "",
                payment_method=operation.payment_method or "",
                asked_at=operation.asked_at,
                description=operation.description or "",
            )
        case OrderKind.REFUND:
            return RefundOrder(
                refund_id=RefundId.of(operation.id),
                payment_id=operation.payment_id,
                charge_reference=operation.charge_reference or "",
                amount=operation.amount,
                asked_at=operation.asked_at,
            )


def _payout(operation: Operation, keys: KeyRing) -> PayoutOrder:
    payee = unseal(keys, operation.payment_id, operation.beneficiary or b"")
    return PayoutOrder(
        payment_id=operation.payment_id,
        amount=operation.amount,
        debtor_reference=str(operation.payment_id),
        creditor=Creditor(
            name=payee.name,
            country=payee.country or "",
            iban=payee.iban,
            account_number=payee.account_number,
            bank_code=payee.bic,
            provider_account=payee.provider_account,
        ),
        asked_at=operation.asked_at,
        description=operation.description or "",
    )


def account_code(provider: Provider, name: str, kind: OrderKind, currency: str) -> str:
    """The account in our books through which money goes to a provider, or comes from it.

    What we have at a bank is an account with it; what another provider holds for us it owes to us.
    """
    if kind is OrderKind.PAYOUT and not provider.pays_own_accounts:
        return f"bank:{name}:{currency}"
    return f"provider:{name}:receivable:{currency}"


def movements(
    operation: Operation, verdict: Verdict, *, at: datetime, paid_through: AccountId | None
) -> list[Instruction]:
    """What the ledger is asked to do.

    paid_through: of a payout that another provider carried out than the one whose account the
                  hold is on: that provider's account
    """
    hold_id = TransferId.of(operation.id)
    if operation.kind is OrderKind.CHARGE:
        if verdict.status != "succeeded":
            return []
        return [
            Instruction(
                id=hold_id,
                kind=TransferKind.POST,
                at=at,
                debit_account_id=operation.debit_account_id,
                credit_account_id=operation.credit_account_id,
                amount_minor=operation.amount.minor,
                currency=operation.amount.currency,
                description=operation.description,
            )
        ]
    kinds: Mapping[str | None, TransferKind] = {
        "succeeded": TransferKind.POST_HOLD,
        "failed": TransferKind.RELEASE_HOLD,
    }
    kind = kinds.get(verdict.status)
    if kind is None:
        return []
    is_rerouted = paid_through is not None and kind is TransferKind.POST_HOLD
    asked = [
        Instruction(id=TransferId.new(at), kind=kind, at=at, hold_id=hold_id, linked=is_rerouted)
    ]
    if is_rerouted:
        asked.append(
            Instruction(
                id=TransferId.new(at),
                kind=TransferKind.POST,
                at=at,
                debit_account_id=operation.credit_account_id,
                credit_account_id=paid_through,
                amount_minor=operation.amount.minor,
                currency=operation.amount.currency,
                description=f"{operation.payment_id}: paid by {operation.provider}",
            )
        )
    return asked
