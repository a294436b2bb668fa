"""Payments that are asked for: pain.001, pain.008, pacs.008 and what is built like them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Context, Decimal
from typing import Any

from paywright.iso20022.fields import (
    Fields,
    account,
    agent,
    amount,
    either,
    party,
    remittance,
    text,
)
from paywright.iso20022.model import Amount, Block, Transaction

# Sums are exact: 100,000 amounts of 18 digits and 5 decimals need no more.
_EXACT = Context(prec=60)


def read_transaction(fields: Fields, number: int) -> Transaction:
    return Transaction(
        number=number,
        end_to_end_id=text(fields, "PmtId/EndToEndId", "OrgnlEndToEndId"),
        instruction_id=text(fields, "PmtId/InstrId", "OrgnlInstrId"),
        transaction_id=text(fields, "PmtId/TxId", "OrgnlTxId"),
        uetr=text(fields, "PmtId/UETR", "OrgnlUETR"),
        amount=amount(
            fields, "Amt/InstdAmt", "Amt/EqvtAmt/Amt", "IntrBkSttlmAmt", "InstdAmt",
            "RtrdIntrBkSttlmAmt", "RvsdIntrBkSttlmAmt", "RvsdInstdAmt", "OrgnlIntrBkSttlmAmt",
        ),
        service_level=either(fields, "PmtTpInf/SvcLvl"),
        charge_bearer=text(fields, "ChrgBr"),
        date=text(fields, "IntrBkSttlmDt"),
        debtor=party(fields, "Dbtr"),
        debtor_account=account(fields, "DbtrAcct"),
        debtor_agent=agent(fields, "DbtrAgt"),
        creditor=party(fields, "Cdtr"),
        creditor_account=account(fields, "CdtrAcct"),
        creditor_agent=agent(fields, "CdtrAgt"),
        ultimate_debtor=text(fields, "UltmtDbtr/Nm"),
        ultimate_creditor=text(fields, "UltmtCdtr/Nm"),
        purpose=either(fields, "Purp"),
        category_purpose=either(fields, "PmtTpInf/CtgyPurp"),
        mandate_id=text(fields, "DrctDbtTx/MndtRltdInf/MndtId"),
        remittance=remittance(fields),
    )  # fmt: skip


def read_block(fields: Fields, transactions: Sequence[Transaction]) -> Block:
    scheme = "CdtrSchmeId/Id/"
    return Block(
        id=text(fields, "PmtInfId"),
        method=text(fields, "PmtMtd"),
        batch_booking=text(fields, "BtchBookg"),
        service_level=either(fields, "PmtTpInf/SvcLvl"),
        local_instrument=either(fields, "PmtTpInf/LclInstrm"),
        category_purpose=either(fields, "PmtTpInf/CtgyPurp"),
        sequence_type=text(fields, "PmtTpInf/SeqTp"),
        priority=text(fields, "PmtTpInf/InstrPrty"),
        charge_bearer=text(fields, "ChrgBr"),
        date=text(fields, "ReqdExctnDt/Dt", "ReqdExctnDt/DtTm", "ReqdExctnDt", "ReqdColltnDt"),
        debtor=party(fields, "Dbtr"),
        debtor_account=account(fields, "DbtrAcct"),
        debtor_agent=agent(fields, "DbtrAgt"),
        creditor=party(fields, "Cdtr"),
        creditor_account=account(fields, "CdtrAcct"),
        creditor_agent=agent(fields, "CdtrAgt"),
        creditor_scheme_id=text(fields, scheme + "PrvtId/Othr/Id", scheme + "OrgId/Othr/Id"),
        count=text(fields, "NbOfTxs"),
        control_sum=text(fields, "CtrlSum"),
        **_added(transactions),
    )


def bare_block(transactions: Sequence[Transaction]) -> Block:
    """Of messages in which transactions stand by themselves."""
    return Block(**_added(transactions))


def _added(transactions: Sequence[Transaction]) -> dict[str, Any]:
    return {
        "counted": len(transactions),
        "sums": sums_of([it.amount for it in transactions]),
        "transactions": tuple(transactions),
    }


def sums_of(amounts: Sequence[Amount | None]) -> dict[str, Decimal]:
    """By currency, in units of it. What is not a number counts for nothing."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for it in amounts:
        if it is not None and it.value is not None:
            currency = it.currency or "?"
            sums[currency] = _EXACT.add(sums[currency], it.value)
    return dict(sums)


def total_of(sums: Sequence[Mapping[str, Decimal]]) -> Decimal:
    """What a control sum is: all amounts, whatever their currencies."""
    total = Decimal()
    for by_currency in sums:
        for it in by_currency.values():
            total = _EXACT.add(total, it)
    return total


def merged(sums: Sequence[Mapping[str, Decimal]]) -> dict[str, Decimal]:
    """Sums of blocks, as those of the message."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    for by_currency in sums:
        for currency, it in by_currency.items():
            found[currency] = _EXACT.add(found[currency], it)
    return dict(found)


def head_of(fields: Fields) -> dict[str, Any]:
    """What a group header says; `Assgnmt` is that of investigations."""
    return {
        "id": text(fields, "MsgId", "Id"),
        "created_at": text(fields, "CreDtTm"),
        "initiating_party": party(fields, "InitgPty"),
        "instructing_agent": agent(fields, "InstgAgt") or agent(fields, "Assgnr/Agt"),
        "instructed_agent": agent(fields, "InstdAgt") or agent(fields, "Assgne/Agt"),
        "count": text(fields, "NbOfTxs"),
        "control_sum": text(fields, "CtrlSum"),
        "total": amount(fields, "TtlIntrBkSttlmAmt", "TtlRtrdIntrBkSttlmAmt"),
    }


def business_of(fields: Fields) -> dict[str, str]:
    """A business application header (head.001), without what it leaves out."""
    agents = "{}/FIId/FinInstnId/{}"
    members = "{}/FIId/FinInstnId/ClrSysMmbId/MmbId"
    found = {
        side: text(
            fields, agents.format(name, "BICFI"), agents.format(name, "BIC"),
            members.format(name), f"{name}/OrgId/Nm",
        )
        for side, name in (("from", "Fr"), ("to", "To"))
    }  # fmt: skip
    found |= {
        "id": text(fields, "BizMsgIdr"),
        "message": text(fields, "MsgDefIdr"),
        "created_at": text(fields, "CreDt"),
    }
    return {name: it for name, it in found.items() if it is not None}
