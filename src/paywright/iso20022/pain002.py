"""What a bank answers: pain.002, and pacs.002 between banks, in all versions alike."""

from typing import Any

from msgspec.structs import replace

from paywright.iso20022.fields import Fields, amount, reasons, text
from paywright.iso20022.model import PaymentStatus, Reason, StatusReport, TransactionStatus
from paywright.iso20022.pieces import Document, MessageInvalid, Piece, read_pieces

# A status that is about some of the payments only says nothing of one.
PARTLY = "PART"
_KINDS = ("pain.002", "pacs.002")


def read_pain002(data: bytes) -> StatusReport:
    """What the bank says of a message, its blocks and its payments.

    A payment without a status of its own has that of its block, or of the message. Payments that
    are not named have it too: see `status_of`.

    Raises MessageInvalid for what cannot be read, is another message, or does not name the
    message that it answers.
    """
    reading = Reading()
    for it in read_pieces(data):
        if isinstance(it, Piece):
            reading.take(it)
        elif not is_report(it):
            raise MessageInvalid(f"the file is a {it.name}, not a pain.002")
    return reading.report()


def is_report(document: Document) -> bool:
    return document.kind in _KINDS


def status_of(
    report: StatusReport, *, end_to_end_id: str, payment_id: str | None = None
) -> tuple[str | None, tuple[Reason, ...]]:
    """What the report says of one payment of the message that it answers, and why.

    payment_id: of the block that the payment was in. The payment's own status comes first, then
    that of its block, then that of the whole message; `PART` says nothing of a single payment.
    """
    for transaction in report.transactions:
        if transaction.end_to_end_id == end_to_end_id:
            return transaction.status, transaction.reasons
    for payment in report.payments:
        if payment.payment_id == payment_id and payment.status not in (None, PARTLY):
            return payment.status, payment.reasons
    if report.group_status not in (None, PARTLY):
        return report.group_status, report.reasons
    return None, ()


class Reading:
    """The pieces of a pain.002 or pacs.002, one after the other."""

    def __init__(self) -> None:
        self._head: Fields = {}
        self._group: Fields = {}
        self._payments: list[PaymentStatus] = []
        self._transactions: list[TransactionStatus] = []
        self._waiting: list[TransactionStatus] = []
        self._original: str | None = None  # between banks it may stand with each transaction

    def take(self, piece: Piece) -> None:
        """Raises MessageInvalid."""
        fields = piece.fields
        if piece.name == "GrpHdr":
            self._head = fields
        elif piece.name == "OrgnlGrpInfAndSts":
            self._group = fields
        elif piece.name == "TxInfAndSts":
            self._original = self._original or text(fields, "OrgnlGrpInf/OrgnlMsgId")
            (self._waiting if piece.in_block else self._transactions).append(_transaction(fields))
        elif piece.name == "OrgnlPmtInfAndSts":
            block = _payment(fields)
            self._payments.append(block)
            self._transactions += [_within(it, block) for it in self._waiting]
            self._waiting = []

    def report(self) -> StatusReport:
        """Raises MessageInvalid."""
        group = self._group
        original = text(group, "OrgnlMsgId") or self._original
        if original is None:
            raise MessageInvalid("<OrgnlMsgId> is missing: what this answers is not said")
        status, why = text(group, "GrpSts"), reasons(group)
        return StatusReport(
            message_id=original,
            group_status=status,
            reasons=why,
            payments=tuple(self._payments),
            transactions=tuple(_with_status(it, status, why) for it in self._transactions),
            message_name=text(group, "OrgnlMsgNmId"),
            report_id=text(self._head, "MsgId"),
            created_at=text(self._head, "CreDtTm"),
            count=text(group, "OrgnlNbOfTxs"),
            control_sum=text(group, "OrgnlCtrlSum"),
        )


def _payment(fields: Fields) -> PaymentStatus:
    payment_id = text(fields, "OrgnlPmtInfId")
    if payment_id is None:
        raise MessageInvalid("<OrgnlPmtInfAndSts> has no <OrgnlPmtInfId>")
    return PaymentStatus(
        payment_id=payment_id,
        status=text(fields, "PmtInfSts"),
        reasons=reasons(fields),
        count=text(fields, "OrgnlNbOfTxs"),
        control_sum=text(fields, "OrgnlCtrlSum"),
    )


def _transaction(fields: Fields) -> TransactionStatus:
    why = reasons(fields)
    asked = amount(
        fields, "OrgnlTxRef/Amt/InstdAmt", "OrgnlTxRef/Amt/EqvtAmt/Amt",
        "OrgnlTxRef/IntrBkSttlmAmt", "OrgnlTxRef/InstdAmt",
    )  # fmt: skip
    return TransactionStatus(
        end_to_end_id=text(fields, "OrgnlEndToEndId"),
        status=text(fields, "TxSts"),
        amount=asked.money if asked else None,
        instruction_id=text(fields, "OrgnlInstrId"),
        transaction_id=text(fields, "OrgnlTxId"),
        uetr=text(fields, "OrgnlUETR"),
        **_why(why),
    )


def _within(transaction: TransactionStatus, block: PaymentStatus) -> TransactionStatus:
    named = replace(transaction, payment_id=block.payment_id)
    return _with_status(named, block.status, block.reasons)


def _with_status(
    transaction: TransactionStatus, status: str | None, why: tuple[Reason, ...]
) -> TransactionStatus:
    """With the status of what it is in, if it has none."""
    if transaction.status is not None or status in (None, PARTLY):
        return transaction
    return replace(transaction, status=status, **_why(transaction.reasons or why))


def _why(why: tuple[Reason, ...]) -> dict[str, Any]:
    return {
        "reasons": why,
        "reason_code": next((it.code for it in why if it.code), None),
        "reason_text": " ".join(it.text for it in why if it.text) or None,
    }
