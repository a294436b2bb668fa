"""Files of banks, made up."""

from datetime import UTC, date, datetime

from paywright.core.money import Money
from paywright.iso20022.pain001 import Batch, Transfer

AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
DEBTOR = "DE89370400440532013000"
CREDITOR = "FR1420041010050500013M02606"


def a_transfer(number: int = 1, **changes: object) -> Transfer:
    told: dict[str, object] = {
        "end_to_end_id": f"E{number}",
        "amount": Money(1050, "EUR"),
        "creditor_name": "Quorra Plumbing",
        "creditor_iban": CREDITOR,
        "remittance": "Bill 17",
    }
    return Transfer(**(told | changes))  # ty: ignore[invalid-argument-type]


def a_batch(*transfers: Transfer, **changes: object) -> Batch:
    told: dict[str, object] = {
        "message_id": "RUN-1",
        "created_at": AT,
        "execution_date": date(2026, 11, 23),
        "debtor_name": "Ostrava Estates",
        "debtor_iban": DEBTOR,
        "transfers": transfers or (a_transfer(),),
    }
    return Batch(**(told | changes))  # ty: ignore[invalid-argument-type]


def wrapped(name: str, body: str) -> bytes:
    namespace = f"urn:iso:std:iso:20022:tech:xsd:{name}"
    return f'<?xml version="1.0"?><Document xmlns="{namespace}">{body}</Document>'.encode()


def an_answer(body: str, *, name: str = "pain.002.001.10", status: str = "") -> bytes:
    """A pain.002 to `RUN-1`."""
    return wrapped(
        name,
        "<CstmrPmtStsRpt><GrpHdr><MsgId>R1</MsgId><CreDtTm>2026-11-20T10:00:00Z</CreDtTm></GrpHdr>"
        "<OrgnlGrpInfAndSts><OrgnlMsgId>RUN-1</OrgnlMsgId>"
        f"<OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>{status}</OrgnlGrpInfAndSts>{body}"
        "</CstmrPmtStsRpt>",
    )


STATEMENT = wrapped(
    "camt.053.001.08",
    """<BkToCstmrStmt><GrpHdr><MsgId>S1</MsgId><CreDtTm>2026-11-21T01:00:00Z</CreDtTm></GrpHdr>
    <Stmt><Id>2026-325</Id><CreDtTm>2026-11-21T01:00:00Z</CreDtTm>
    <Acct><Id><IBAN>DE89370400440532013000</IBAN></Id><Ccy>EUR</Ccy>
      <Ownr><Nm>Ostrava Estates</Nm></Ownr></Acct>
    <Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">100.00</Amt>
      <CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-11-20</Dt></Dt></Bal>
    <Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">20.50</Amt>
      <CdtDbtInd>DBIT</CdtDbtInd><Dt><Dt>2026-11-20</Dt></Dt></Bal>
    <TxsSummry><TtlNtries><NbOfNtries>2</NbOfNtries><Sum>180.50</Sum></TtlNtries></TxsSummry>
    <Ntry><Amt Ccy="EUR">150.50</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
      <BookgDt><Dt>2026-11-20</Dt></BookgDt><NtryDtls><TxDtls><Refs><EndToEndId>E1</EndToEndId>
      </Refs><RltdPties><Cdtr><Pty><Nm>Quorra Plumbing</Nm></Pty></Cdtr></RltdPties></TxDtls>
      </NtryDtls></Ntry>
    <Ntry><Amt Ccy="EUR">30.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts></Ntry>
    </Stmt></BkToCstmrStmt>""",
)
