"""How movements of money are told: transfers, holds, and batches of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from paywright.challenges.model import Channel, Method
from paywright.core.beneficiary import Beneficiary, masked
from paywright.ledger.model import Balances, Hold, Transfer, TransferKind
from paywright.payments.model import PaymentStatus
from paywright.payments.orders import Receipt
from paywright.payments.views import TransferPayment


class BalanceView(msgspec.Struct, frozen=True):
    """Minor units, positive in the direction in which the account grows."""

    balance_minor: int
    available_minor: int


class SideView(msgspec.Struct, frozen=True):
    before: BalanceView
    after: BalanceView


class BalancesView(msgspec.Struct, frozen=True):
    """What both accounts had just before and just after the movement."""

    debit: SideView
    credit: SideView


class BeneficiaryView(msgspec.Struct, frozen=True):
    """Who is paid at another bank. Of the account only what makes it recognisable."""

    name: str
    account: str
    bank: str
    country: str | None


class ChallengeView(msgspec.Struct, frozen=True, kw_only=True):
    """What the payer is asked for. Send the same request again, with the same key and `otp`."""

    method: Method
    channel: Channel | None
    expires_at: datetime
    tries_left: int
    resends_left: int


class TransferView(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="transfer", omit_defaults=True
):
    """`transfer_id`: the movement in the ledger; none while the transfer has not been made.
    `beneficiary` and `failure_code` stand where there is one, `challenge` in the answer to the
    request that is to be confirmed."""

    id: str
    status: PaymentStatus
    debit_account_id: str
    credit_account_id: str
    amount_minor: int
    currency: str
    description: str | None
    created_at: datetime
    transfer_id: str | None
    balances: BalancesView | None
    beneficiary: BeneficiaryView | None = None
    failure_code: str | None = None
    challenge: ChallengeView | None = None


class HoldView(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="hold"):
    """`posted_minor`: what was moved in the end; the rest was released. `transfer_id`: the
    movement that this answer tells of."""

    id: str
    status: str
    debit_account_id: str
    credit_account_id: str
    amount_minor: int
    posted_minor: int
    currency: str
    description: str | None
    expires_at: datetime | None
    created_at: datetime
    transfer_id: str
    balances: BalancesView


class HoldListed(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="hold"):
    id: str
    status: str
    debit_account_id: str
    credit_account_id: str
    amount_minor: int
    currency: str
    description: str | None
    expires_at: datetime | None
    created_at: datetime


class TransferPage(msgspec.Struct, frozen=True):
    items: Sequence[TransferView]
    next_cursor: str | None


class HoldPage(msgspec.Struct, frozen=True):
    items: Sequence[HoldListed]
    next_cursor: str | None


class ResultView(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One element of a batch. `answer`: what it would have got alone; `problem`: why it was
    refused. `replayed`: by its own key, from before."""

    index: int
    status: int
    replayed: bool = False
    answer: TransferView | HoldView | None = None
    problem: dict[str, Any] | None = None


class BatchView(msgspec.Struct, frozen=True, omit_defaults=True):
    """Results are in the order of the request. `waiting`: for a one-time code; send such an
    element again alone, with its key and `otp`. Left out where there is none."""

    succeeded: int
    refused: int
    results: Sequence[ResultView]
    waiting: int = 0


_STATUS = {
    TransferKind.HOLD: "open",
    TransferKind.POST_HOLD: "posted",
    TransferKind.RELEASE_HOLD: "released",
    TransferKind.EXPIRE_HOLD: "expired",
}


def balances(receipt: Receipt) -> BalancesView:
    it = receipt.transfer
    return BalancesView(
        SideView(_balance(receipt.debit_before), _balance(it.debit)),
        SideView(_balance(receipt.credit_before), _balance(it.credit)),
    )


def _balance(it: Balances) -> BalanceView:
    return BalanceView(it.balance, it.available)


def transfer_on_file(it: TransferPayment) -> TransferView:
    return TransferView(
        id=str(it.id),
        status=it.status,
        debit_account_id=str(it.debit_account_id),
        credit_account_id=str(it.credit_account_id),
        amount_minor=it.amount_minor,
        currency=it.currency,
        description=it.description,
        created_at=it.created_at,
        transfer_id=None if it.receipt is None else str(it.receipt.transfer.id),
        balances=None if it.receipt is None else balances(it.receipt),
        beneficiary=None if it.payee is None else beneficiary(it.payee),
        failure_code=it.failure_code,
    )


def beneficiary(it: Beneficiary) -> BeneficiaryView:
    return BeneficiaryView(it.name, masked(it.account), it.bank, it.country)


def hold_step(receipt: Receipt) -> HoldView:
    """A hold that was made or resolved."""
    it = receipt.transfer
    return HoldView(
        id=str(it.hold_id or it.id),
        status=_STATUS[it.kind],
        debit_account_id=str(it.debit_account_id),
        credit_account_id=str(it.credit_account_id),
        amount_minor=abs(it.held_minor),
        posted_minor=it.posted_minor,
        currency=it.currency,
        description=it.description,
        expires_at=it.expires_at,
        created_at=it.created_at,
        transfer_id=str(it.id),
        balances=balances(receipt),
    )


def hold_listed(hold: Hold) -> HoldListed:
    it: Transfer = hold.transfer
    return HoldListed(
        id=str(it.id),
        status=_STATUS[hold.resolved_by or TransferKind.HOLD],
        debit_account_id=str(it.debit_account_id),
        credit_account_id=str(it.credit_account_id),
        amount_minor=it.amount_minor,
        currency=it.currency,
        description=it.description,
        expires_at=it.expires_at,
        created_at=it.created_at,
    )
