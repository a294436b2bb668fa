"""Write a bank's answer, to try out what is made of one. Our bank writes its own."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from xml.etree.ElementTree import Element

from paywright.iso20022.model import PaymentStatus, Reason, StatusReport, TransactionStatus
from paywright.iso20022.writing import add, decimal_of, document, moment_of, written

_LINE_MAX = 105  # `Max105Text`


def write_pain002(
    report: StatusReport, *, created_at: datetime, name: str = "pain.002.001.10"
) -> bytes:
    """The report as a file. Transactions stand in the block that their `payment_id` names; a
    block that `payments` does not have is written without a status.

    report.report_id, .message_name: `<message id>-R` and `pain.001.001.09` where they are None
    name: of the version, `pain.002.001.03` or newer
    """
    root, body = document(name, "CstmrPmtStsRpt")
    head = add(body, "GrpHdr")
    add(head, "MsgId", report.report_id or f"{report.message_id[:33]}-R")
    add(head, "CreDtTm", moment_of(created_at))
    group = add(body, "OrgnlGrpInfAndSts")
    add(group, "OrgnlMsgId", report.message_id)
    add(group, "OrgnlMsgNmId", report.message_name or "pain.001.001.09")
    _status(group, "GrpSts", report.group_status, report.reasons)
    blocks = {it.payment_id: it for it in report.payments}
    named = sorted(report.transactions, key=lambda it: it.payment_id or "NOTPROVIDED")
    inside = {
        payment_id: list(of)
        for payment_id, of in groupby(named, key=lambda it: it.payment_id or "NOTPROVIDED")
    }
    for payment_id in dict.fromkeys([*blocks, *inside]):
        block = blocks.get(payment_id) or PaymentStatus(payment_id=payment_id, status=None)
        _block(add(body, "OrgnlPmtInfAndSts"), block, inside.get(payment_id, ()))
    return written(root)


def _block(
    element: Element, block: PaymentStatus, transactions: Sequence[TransactionStatus]
) -> None:
    add(element, "OrgnlPmtInfId", block.payment_id)
    _status(element, "PmtInfSts", block.status, block.reasons)
    for it in transactions:
        inside = add(element, "TxInfAndSts")
        if it.instruction_id is not None:
            add(inside, "OrgnlInstrId", it.instruction_id)
        if it.end_to_end_id is not None:
            add(inside, "OrgnlEndToEndId", it.end_to_end_id)
        why = it.reasons
        if not why and (it.reason_code or it.reason_text):
            why = (Reason(it.reason_code, it.reason_text),)
        _status(inside, "TxSts", it.status, why)
        if it.amount is not None:
            amount = decimal_of(it.amount)
            add(inside, "OrgnlTxRef/Amt/InstdAmt", amount, Ccy=it.amount.currency)


def _status(element: Element, name: str, status: str | None, why: Sequence[Reason]) -> None:
    if status is not None:
        add(element, name, status)
    for it in why:
        reason = add(element, "StsRsnInf")
        if it.code is not None:
            add(reason, "Rsn/Cd" if len(it.code) <= 4 else "Rsn/Prtry", it.code)
        text = it.text or ""
        for begin in range(0, len(text), _LINE_MAX):
            add(reason, "AddtlInf", text[begin : begin + _LINE_MAX])
