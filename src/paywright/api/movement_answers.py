"""What is answered to who moves money. Answers are stored, and given again byte for byte."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from paywright.api.movement_views import (
    ChallengeView,
    TransferView,
    balances,
    beneficiary,
    hold_step,
)
from paywright.api.problems import document
from paywright.core.beneficiary import Beneficiary
from paywright.core.errors import Problem
from paywright.idempotency import Answer
from paywright.ledger.model import Instruction, TransferKind
from paywright.payments.answering import Render
from paywright.payments.model import PaymentStatus
from paywright.payments.orders import ACCEPTED, Answered, Element, Order, Receipt, Waiting

_encode = msgspec.json.Encoder().encode

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


def _waits(it: Waiting) -> Answer:
    asked, made = it.asked, it.challenge
    view = TransferView(
        id=str(it.id),
        status=PaymentStatus.REQUIRES_OTP,
        debit_account_id=str(asked.debit_account_id),
        credit_account_id=str(asked.credit_account_id),
        amount_minor=asked.amount_minor or 0,
        currency=asked.currency or "",
        description=asked.description,
        created_at=asked.at,
        transfer_id=None,
        balances=None,
        beneficiary=None if it.payee is None else beneficiary(it.payee),
        challenge=ChallengeView(
            method=made.method,
            channel=made.channel,
            expires_at=made.expires_at,
            tries_left=made.tries_left,
            resends_left=made.resends_left,
        ),
    )
    return Answer(ACCEPTED, _encode(view))


def _sent(receipt: Receipt, payee: Beneficiary, asked_at: datetime) -> Answer:
    return Answer(ACCEPTED, _encode(_made(receipt, PaymentStatus.PROCESSING, asked_at, payee)))


def _confirmed(receipt: Receipt, asked_at: datetime) -> Answer:
    return Answer(201, _encode(_made(receipt, PaymentStatus.SUCCEEDED, asked_at)))


def _made(
    receipt: Receipt, status: PaymentStatus, asked_at: datetime, payee: Beneficiary | None = None
) -> TransferView:
    it = receipt.transfer
    return TransferView(
        id=f"pay_{str(it.id)[4:]}",
        status=status,
        debit_account_id=str(it.debit_account_id),
        credit_account_id=str(it.credit_account_id),
        amount_minor=it.amount_minor,
        currency=it.currency,
        description=it.description,
        created_at=asked_at,
        transfer_id=str(it.id),
        balances=balances(receipt),
        beneficiary=None if payee is None else beneficiary(payee),
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
    succeeded = waiting = 0
    for index, it in enumerate(answers):
        happened = it.answer.status < 300
        waits = it.answer.status == ACCEPTED
        succeeded += happened and not waits
        waiting += waits
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
    refused = len(answers) - succeeded - waiting
    head = b'{"succeeded":%d,"refused":%d,"results":[' % (succeeded, refused)
    tail = b'],"waiting":%d}' % waiting if waiting else b"]}"
    return Answer(200, b"".join((head, b",".join(results), tail)))


RENDER = Render(_happened, _refused, _whole, _waits, _sent, _confirmed)
