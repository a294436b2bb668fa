"""Accounts: camt.052, camt.053, camt.054."""

from collections.abc import Sequence

from paywright.iso20022.fields import Fields, account, agent, amount, either, text, texts
from paywright.iso20022.model import Balance, Entry, Statement

_DETAILS = "NtryDtls/TxDtls/"


def read_entry(fields: Fields, number: int) -> Entry:
    domain = texts(fields, "BkTxCd/Domn/Cd", "BkTxCd/Domn/Fmly/Cd", "BkTxCd/Domn/Fmly/SubFmlyCd")
    parties = (f"{_DETAILS}RltdPties/{who}{at}/Nm" for who in ("Dbtr", "Cdtr")
               for at in ("", "/Pty"))  # fmt: skip
    return Entry(
        number=number,
        amount=amount(fields, "Amt"),
        direction=text(fields, "CdtDbtInd"),
        status=text(fields, "Sts/Cd", "Sts/Prtry", "Sts"),
        booked_on=text(fields, "BookgDt/Dt", "BookgDt/DtTm"),
        value_on=text(fields, "ValDt/Dt", "ValDt/DtTm"),
        reference=text(fields, "AcctSvcrRef", "NtryRef"),
        bank_code="/".join(domain) or text(fields, "BkTxCd/Prtry/Cd"),
        reversal=text(fields, "RvslInd") in ("true", "1"),
        end_to_end_ids=texts(fields, _DETAILS + "Refs/EndToEndId"),
        parties=texts(fields, *parties),
        remittance=texts(
            fields, _DETAILS + "RmtInf/Ustrd", _DETAILS + "RmtInf/Strd/CdtrRefInf/Ref"
        ),
    )


def read_balance(fields: Fields) -> Balance:
    return Balance(
        kind=either(fields, "Tp/CdOrPrtry"),
        amount=amount(fields, "Amt"),
        direction=text(fields, "CdtDbtInd"),
        date=text(fields, "Dt/Dt", "Dt/DtTm", "Dt"),
    )


def read_statement(
    fields: Fields, balances: Sequence[Balance], entries: Sequence[Entry]
) -> Statement:
    return Statement(
        id=text(fields, "Id"),
        account=account(fields, "Acct"),
        owner=text(fields, "Acct/Ownr/Nm", "Acct/Nm"),
        servicer=agent(fields, "Acct/Svcr"),
        created_at=text(fields, "CreDtTm"),
        since=text(fields, "FrToDt/FrDtTm"),
        until=text(fields, "FrToDt/ToDtTm"),
        balances=tuple(balances),
        entries=tuple(entries),
        count=text(fields, "TxsSummry/TtlNtries/NbOfNtries"),
        control_sum=text(fields, "TxsSummry/TtlNtries/Sum"),
    )
