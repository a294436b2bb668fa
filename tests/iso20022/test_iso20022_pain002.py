"""What a bank answers is read, whichever version it writes."""

from pathlib import Path

import pytest
from tests.iso20022.iso_files import AT, a_batch, an_answer, wrapped
from tests.iso20022.pain002_writing import write_pain002

from paywright.core.money import Money
from paywright.iso20022.codes import reason_in_words, status_in_words
from paywright.iso20022.model import PaymentStatus, Reason, StatusReport, TransactionStatus
from paywright.iso20022.pain001 import write_pain001
from paywright.iso20022.pain002 import read_pain002, status_of
from paywright.iso20022.pieces import MessageInvalid

XSD = (
    Path(__file__).parents[2].parent
    / "shared/testdata/04_codes/iso20022/xsd/pain.002.001.03.xsd"
)  # fmt: skip
REASON = (
    "<StsRsnInf><Rsn><Cd>AC04</Cd></Rsn>"
    "<AddtlInf>closed in</AddtlInf><AddtlInf>May</AddtlInf></StsRsnInf>"
)
REPORT = StatusReport(
    message_id="RUN-1",
    group_status="PART",
    payments=(PaymentStatus(payment_id="RUN-1-EUR", status="PART"),),
    transactions=(
        TransactionStatus(
            end_to_end_id="E1", status="ACSC", payment_id="RUN-1-EUR", amount=Money(1050, "EUR")
        ),
        TransactionStatus(
            end_to_end_id="E2", status="RJCT", payment_id="RUN-1-EUR", reason_code="AC04",
            reason_text="closed in May " * 12,
        ),
    ),
)  # fmt: skip


@pytest.mark.parametrize("version", ["001.02", "001.03", "001.10", "001.12", "003.03"])
def test_each_version_says_the_same(version: str) -> None:
    report = read_pain002(
        an_answer(
            "<OrgnlPmtInfAndSts><OrgnlPmtInfId>RUN-1-EUR</OrgnlPmtInfId><PmtInfSts>PART</PmtInfSts>"
            "<TxInfAndSts><OrgnlEndToEndId>E1</OrgnlEndToEndId><TxSts>ACCP</TxSts></TxInfAndSts>"
            f"<TxInfAndSts><OrgnlEndToEndId>E2</OrgnlEndToEndId><TxSts>RJCT</TxSts>{REASON}"
            '<OrgnlTxRef><Amt><InstdAmt Ccy="EUR"> 10.5 </InstdAmt></Amt></OrgnlTxRef>'
            "</TxInfAndSts></OrgnlPmtInfAndSts>",
            name=f"pain.002.{version}",
            status="<GrpSts>PART</GrpSts>",
        )
    )
    assert (report.message_id, report.group_status, report.report_id) == ("RUN-1", "PART", "R1")
    assert [(it.payment_id, it.status) for it in report.payments] == [("RUN-1-EUR", "PART")]
    first, second = report.transactions
    assert (first.end_to_end_id, first.status, first.reasons) == ("E1", "ACCP", ())
    assert (second.status, second.reason_code) == ("RJCT", "AC04")
    assert (second.reason_text, second.amount) == ("closed in May", Money(1050, "EUR"))
    assert second.payment_id == "RUN-1-EUR"


def test_a_rejected_message_without_payments_concerns_all_of_them() -> None:
    report = read_pain002(an_answer("", status=f"<GrpSts>RJCT</GrpSts>{REASON}"))
    assert (report.group_status, report.transactions) == ("RJCT", ())
    said = status_of(report, end_to_end_id="anything")
    assert said == ("RJCT", (Reason("AC04", "closed in May"),))


def test_a_payment_without_a_status_has_that_of_what_it_is_in() -> None:
    unsaid = "<TxInfAndSts><OrgnlEndToEndId>E{}</OrgnlEndToEndId></TxInfAndSts>"
    block = "<OrgnlPmtInfAndSts><OrgnlPmtInfId>{}</OrgnlPmtInfId>{}{}</OrgnlPmtInfAndSts>"
    report = read_pain002(
        an_answer(
            block.format("B1", f"<PmtInfSts>RJCT</PmtInfSts>{REASON}", unsaid.format(1))
            + block.format("B2", "", unsaid.format(2))
            + block.format("B3", "<PmtInfSts>PART</PmtInfSts>", unsaid.format(3)),
            status="<GrpSts>ACSP</GrpSts>",
        )
    )
    assert [(it.status, it.reason_code) for it in report.transactions[:2]] == [
        ("RJCT", "AC04"), ("ACSP", None),
    ]  # fmt: skip
    assert status_of(report, end_to_end_id="E9", payment_id="B1")[0] == "RJCT"
    assert status_of(report, end_to_end_id="E9", payment_id="B3")[0] == "ACSP"
    assert status_of(report, end_to_end_id="E9")[0] == "ACSP"


def test_a_message_accepted_in_part_says_nothing_of_who_is_not_named() -> None:
    report = read_pain002(an_answer("", status="<GrpSts>PART</GrpSts>"))
    assert status_of(report, end_to_end_id="E1") == (None, ())


def test_banks_tell_each_other_in_the_same_way() -> None:
    report = read_pain002(
        wrapped(
            "pacs.002.001.10",
            "<FIToFIPmtStsRpt><GrpHdr><MsgId>P1</MsgId></GrpHdr><TxInfAndSts><OrgnlGrpInf>"
            "<OrgnlMsgId>M1</OrgnlMsgId></OrgnlGrpInf><OrgnlTxId>T1</OrgnlTxId><TxSts>RJCT</TxSts>"
            "<StsRsnInf><Rsn><Prtry>X-9</Prtry></Rsn></StsRsnInf></TxInfAndSts></FIToFIPmtStsRpt>",
        )
    )
    (it,) = report.transactions
    assert (report.message_id, it.transaction_id) == ("M1", "T1")
    assert (it.status, it.reason_code) == ("RJCT", "X-9")


def test_what_is_no_answer_is_refused() -> None:
    with pytest.raises(MessageInvalid, match=r"is a pain\.001\.001\.09, not a pain\.002"):
        read_pain002(write_pain001(a_batch()))
    with pytest.raises(MessageInvalid, match="OrgnlMsgId"):
        read_pain002(wrapped("pain.002.001.10", "<CstmrPmtStsRpt/>"))
    with pytest.raises(MessageInvalid, match="OrgnlPmtInfId"):
        read_pain002(an_answer("<OrgnlPmtInfAndSts/>"))


def test_what_is_written_is_read_again() -> None:
    read = read_pain002(write_pain002(REPORT, created_at=AT))
    assert (read.group_status, read.payments) == ("PART", REPORT.payments)
    assert [(it.end_to_end_id, it.status, it.reason_code, it.amount) for it in read.transactions] \
        == [(it.end_to_end_id, it.status, it.reason_code, it.amount)
            for it in REPORT.transactions]  # fmt: skip


def test_an_answer_is_valid_by_the_schema() -> None:
    etree = pytest.importorskip("lxml.etree")
    if not XSD.exists():
        pytest.skip(f"{XSD.name} is not beside the project")
    data = write_pain002(REPORT, created_at=AT, name="pain.002.001.03")
    etree.XMLSchema(etree.parse(XSD)).assertValid(etree.fromstring(data))


def test_codes_are_said_in_words() -> None:
    assert status_in_words("RJCT") == "RJCT (rejected)"
    assert reason_in_words("AM04") == "AM04 (not enough money)"
    assert reason_in_words("X-9") == "X-9"
    assert status_in_words(None) == "none given"
