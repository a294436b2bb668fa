"""How movements of money are told: transfers, holds, and batches of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from paywright.api.problems import document
from paywright.core.errors import Problem
from paywright.idempotency import Answer
from paywright.ledger.model import Balances, Hold, Instruction, Transfer, TransferKind
from paywright.payments.model import PaymentStatus
from paywright.payments.move import Render
from paywright.payments.orders import Answered, Element, Order, Receipt
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


class TransferView(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="transfer"):
    """`transfer_id`: the movement in the ledger; none while the transfer has not been made."""

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


class BatchView(msgspec.Struct, frozen=True):
    """Results are in the order of the request."""

    succeeded: int
    refused: int
    results: Sequence[ResultView]


_STATUS = {
    TransferKind.HOLD: "open",
    TransferKind.POST_HOLD: "posted",
    TransferKind.RELEASE_HOLD: "released",
    TransferKind.EXPIRE_HOLD: "expired",
}


_encode = msgspec.json.Encoder().encode


def balances(receipt: Receipt) -> BalancesView:
    it = receipt.transfer
    return BalancesView(
        SideView(_balance(receipt.debit_before), _balance(it.debit)),
        SideView(_balance(receipt.credit_before), _balance(it.credit)),
    )


def _balance(it: Balances) -> BalanceView:
    return BalanceView(it.balance, it.available)


_SIDE = (
    b'{"before":{"balance_minor":%d,"available_minor":%d},'
    b'"after":{"balance_minor":%d,"available_minor":%d}}'
)
_TRANSFER = (
    b'{"type":"transfer","id":"pay_%s","status":"succeeded","debit_account_id":"%s",'
    b'"credit_account_id":"%s","amount_minor":%d,"currency":"%s","description":%s,"created_at":%s,'
    b'"transfer_id":"%s","balances":{"debit":' + _SIDE + b',"credit":' + _SIDE + b"}}"
)


def transfer_text(receipt: Receipt) -> bytes:
    """`transfer_on_file` as JSON, byte for byte: the hot path has no time for eight objects."""
    it = receipt.transfer
    movement = str(it.id).encode()
    debit, credit = receipt.debit_before, receipt.credit_before
    return _TRANSFER % (
        movement[4:],
        str(it.debit_account_id).encode(),
        str(it.credit_account_id).encode(),
        it.amount_minor,
        it.currency.encode(),
        b"null" if it.description is None else _encode(it.description),
        _encode(it.created_at),
        movement,
        debit.balance,
        debit.available,
        it.debit.balance,
        it.debit.available,
        credit.balance,
        credit.available,
        it.credit.balance,
        it.credit.available,
    )


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
    )


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


def _happened(receipt: Receipt) -> Answer:
    kind = receipt.transfer.kind
    if kind is TransferKind.POST:
        return Answer(201, transfer_text(receipt))
    return Answer(201 if kind is TransferKind.HOLD else 200, _encode(hold_step(receipt)))


def _refused(order: Order, element: Element, problem: Problem) -> Answer:
    told = document(
        problem,
        instance=_path(order, element.instruction),
        request_id=order.cause.request_id,
    )
    return Answer(problem.status, told)


_STEPS = {TransferKind.POST_HOLD: "post", TransferKind.RELEASE_HOLD: "release"}


def _path(order: Order, asked: Instruction) -> str:
    if order.is_batch:
        return "/api/v1/transfers/batch"
    if asked.kind is TransferKind.POST:
        return "/api/v1/transfers"
    step = _STEPS.get(asked.kind)
    return "/api/v1/holds" if step is None else f"/api/v1/holds/{asked.hold_id}/{step}"


def _whole(answers: Sequence[Answered]) -> Answer:
    """Put together from the answers of its elements, which are JSON already."""
    results = []
    succeeded = 0
    for index, it in enumerate(answers):
        happened = it.answer.status < 300
        succeeded += happened
        results.append(
            b'{"index":%d,"status":%d,%s"%s":%s}'
            % (
                index,
                it.answer.status,
                b'"replayed":true,' if it.replayed else b"",
                b"answer" if happened else b"problem",
                it.answer.body,
            )
        )
    head = b'{"succeeded":%d,"refused":%d,"results":[' % (succeeded, len(answers) - succeeded)
    return Answer(200, b"".join((head, b",".join(results), b"]}")))


RENDER = Render(_happened, _refused, _whole)
