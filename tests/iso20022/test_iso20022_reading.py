"""Files of anybody: read whatever their form, or refused with a clear text."""

import re
import tracemalloc

import pytest
from tests.iso20022.iso_files import STATEMENT, a_batch, a_transfer, wrapped

from paywright.core.money import Money
from paywright.iso20022 import pieces
from paywright.iso20022.check import findings_of
from paywright.iso20022.model import Message, Weight
from paywright.iso20022.pain001 import write_pain001
from paywright.iso20022.pieces import MessageInvalid
from paywright.iso20022.read import read_message

FILE = write_pain001(a_batch(a_transfer(1), a_transfer(2, creditor_name="Blue Door")))
TEXT = FILE.decode()
ANY_HEAD = "<GrpHdr><MsgId>M1</MsgId></GrpHdr>"


def without_name(message: Message) -> tuple[object, ...]:
    return message.id, message.blocks, message.sums, message.initiating_party, message.kind


@pytest.mark.parametrize("version", ["001.03", "001.11", "001.03.ch.02", "003.03"])
def test_versions_are_read_alike(version: str) -> None:
    message = read_message(TEXT.replace("pain.001.001.09", f"pain.001.{version}").encode())
    assert without_name(message) == without_name(read_message(FILE))
    assert message.name == f"pain.001.{version[:6]}"


def test_prefixes_comments_and_charsets_change_nothing() -> None:
    prefixed = re.sub(r"<(/?)(?=[A-Z])", r"<\1iso:", TEXT).replace("xmlns=", "xmlns:iso=")
    commented = TEXT.replace("Blue Door", "Blue<!-- x --> <![CDATA[Door]]>").replace(
        "<PmtInf>", "<?any thing?><PmtInf><!-- y -->"
    )
    latin = TEXT.replace("UTF-8", "ISO-8859-1").encode("latin-1")
    marked = b"\xef\xbb\xbf" + FILE
    packed = re.sub(r">\s+<", "><", TEXT).encode()
    bare = TEXT.replace(' xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"', "").encode()
    spaced = TEXT.replace(">10.50<", ">\n\t10.50 <").replace("EndToEndId>E1<", "EndToEndId> E1 <")
    for other in (prefixed.encode(), commented.encode(), latin, marked, packed, bare,
                  spaced.encode()):  # fmt: skip
        assert without_name(read_message(other)) == without_name(read_message(FILE))


def test_a_message_in_an_envelope_is_found_with_its_header() -> None:
    inside = TEXT.partition("?>")[2]
    head = (
        '<AppHdr xmlns="urn:iso:std:iso:20022:tech:xsd:head.001.001.02"><Fr><FIId><FinInstnId>'
        "<BICFI>OSTRCZPP</BICFI></FinInstnId></FIId></Fr><To><OrgId><Nm>Quorra</Nm></OrgId></To>"
        "<BizMsgIdr>B1</BizMsgIdr><MsgDefIdr>pain.001.001.09</MsgDefIdr></AppHdr>"
    )
    message = read_message(f"<Envelope><Junk><a/></Junk>{head}{inside}</Envelope>".encode())
    assert message.business == {
        "from": "OSTRCZPP", "to": "Quorra", "id": "B1", "message": "pain.001.001.09",
    }  # fmt: skip
    assert message.counted == 2


def test_a_statement_leads_from_one_balance_to_the_other() -> None:
    message = read_message(STATEMENT)
    (statement,) = message.statements
    assert statement.account is not None
    assert (statement.id, statement.account.iban) == ("2026-325", "DE89370400440532013000")
    assert [(it.kind, it.direction) for it in statement.balances] == [
        ("OPBD", "CRDT"), ("CLBD", "DBIT"),
    ]  # fmt: skip
    first = statement.entries[0]
    assert (first.end_to_end_ids, first.parties) == (("E1",), ("Quorra Plumbing",))
    assert findings_of(message) == []
    wrong = read_message(STATEMENT.replace(b">20.50<", b">20.51<"))
    assert [it.rule for it in findings_of(wrong)] == ["balance"]
    wrong = read_message(STATEMENT.replace(b"<Sum>180.50", b"<Sum>180.05"))
    assert [it.rule for it in findings_of(wrong)] == ["control_sum"]


def test_messages_that_are_not_known_by_heart_say_what_they_are() -> None:
    message = read_message(wrapped("camt.060.001.05", f"<AcctRptgReq>{ANY_HEAD}</AcctRptgReq>"))
    assert (message.name, message.id) == ("camt.060.001.05", "M1")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is empty"),
        (b" \n ", "is empty"),
        (b"MSG;1;2", "not XML.*line 1"),
        (b"\x89PNG\r\n\x1a\n\x00", "not XML"),
        (FILE[:900], "not whole.*line"),
        (TEXT.encode("utf-16"), "UTF-16"),
        (TEXT.replace("UTF-8", "UTF-16").encode("utf-16-le"), "UTF-16"),
        (TEXT.replace("UTF-8", "no-such").encode(), "not XML|cannot be read"),
        (TEXT.replace("Blue", "Bl\xfce").encode("latin-1"), "not XML.*line"),
        (b"<html/>", "no <Document>"),
        (b"<Document/>", "no <Document>"),
        (b"<Document><a/></Document>", "<a> is not known"),
        (b'<Document xmlns="urn:x"><CstmrCdtTrfInitn/></Document>', "'urn:x'"),
        (wrapped("pain.002.001.10", "<CstmrCdtTrfInitn/>"), "CstmrCdtTrfInitn.*pain.002"),
        (wrapped("pain.001.001.09", "<Other/>"), "Other.*pain.001"),
        (b"<E>" + FILE.partition(b"?>")[2] * 2 + b"</E>", "more than one message"),
    ],
    ids=["nothing", "blank", "csv", "png", "cut", "utf16", "utf16le", "charset", "bytes", "html",
         "bare", "unknown", "namespace", "mismatch", "body", "two"],
)  # fmt: skip
def test_what_is_no_message_is_refused_in_words(data: bytes, why: str) -> None:
    with pytest.raises(MessageInvalid) as refused:
        read_message(data)
    assert re.search(why, refused.value.detail, re.DOTALL), refused.value.detail


@pytest.mark.parametrize(
    "declared",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE x SYSTEM "file:///etc/hostname">',
        '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x"> %p;]>',
        "<!-- " + "x" * 40_000 + " --><!DOCTYPE x>",
    ],
    ids=["bomb", "file", "parameter", "late"],
)
def test_entities_are_never_declared(declared: str) -> None:
    with pytest.raises(MessageInvalid, match="DOCTYPE"):
        read_message(TEXT.replace("?>", f"?>{declared}", 1).encode())


def test_a_file_stays_small_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "SIZE_MAX", len(FILE) - 1)
    with pytest.raises(MessageInvalid, match="larger than"):
        read_message(FILE)
    monkeypatch.undo()
    for deep in (b"<a>" * 100_000, FILE.replace(b"<PmtMtd>", b"<a>" * 70 + b"<PmtMtd>")):
        with pytest.raises(MessageInvalid, match="nested more than 64 deep"):
            read_message(deep)
    wide = TEXT.replace("<PmtMtd>", "<a/>" * 510_000 + "<PmtMtd>").encode()
    with pytest.raises(MessageInvalid, match="more than 500,000 elements"):
        read_message(wide)


def test_what_is_not_a_payment_is_forgotten_at_once() -> None:
    junk = TEXT.replace("<GrpHdr>", "<a><b>1</b></a>" * 100_000 + "<GrpHdr>", 1).encode()
    tracemalloc.start()
    try:
        assert read_message(junk).counted == 2
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def found(text: str) -> list[tuple[str, str]]:
    return [(it.rule, it.weight.value) for it in findings_of(read_message(text.encode()))]


@pytest.mark.parametrize(
    ("old", "new", "rules"),
    [
        ("<NbOfTxs>2", "<NbOfTxs>3", ["transaction_count"] * 2),
        ("<CtrlSum>21.00", "<CtrlSum>21.01", ["control_sum"] * 2),
        ("<CtrlSum>21.00", "<CtrlSum>21.0", []),
        ("13M02606", "13M02607", ["iban"] * 2),
        (">E2<", ">E1<", ["duplicate_end_to_end_id"]),
        (">E2<", ">/E2<", ["slashes"]),
        (">10.50<", ">10.500<", ["decimals"] * 2),
        (">10.50<", ">1e1<", ["control_sum", "control_sum", "amount", "amount"]),
        ('Ccy="EUR"', 'Ccy="USD"', ["currency"] * 2),
        ('Ccy="EUR"', 'Ccy="XXQ"', ["currency"] * 4),
        ("Blue Door", "Blü Döör", ["characters"]),
        ("Blue Door", "Синяя", ["characters"]),
        ("2026-11-23", "2026-11-18", ["execution_date"]),
        ("2026-11-23", "2026-11-20", []),
        ("2026-11-23", "soon", ["date"]),
        ("Bill 17", "RF19539007547034", []),
    ],
)
def test_what_does_not_agree_is_found(old: str, new: str, rules: list[str]) -> None:
    assert old in TEXT
    assert [rule for rule, _ in found(TEXT.replace(old, new))] == rules


def test_letters_that_some_banks_take_are_only_noticed() -> None:
    assert found(TEXT.replace("Blue Door", "Blü Döör")) == [("characters", Weight.NOTICE)]
    assert found(TEXT.replace("Blue Door", "Дверь")) == [("characters", Weight.ERROR)]


def test_a_wrong_reference_of_a_creditor_is_found() -> None:
    text = write_pain001(a_batch(a_transfer(remittance="RF18539007547034"))).decode()
    assert found(text) == []
    assert found(text.replace("RF18", "RF19")) == [("creditor_reference", "error")]


def test_the_id_that_says_there_is_none_may_be_there_twice() -> None:
    text = TEXT.replace(">E1<", ">NOTPROVIDED<").replace(">E2<", ">NOTPROVIDED<")
    assert found(text) == []


def test_sums_are_exact() -> None:
    many = [a_transfer(n, amount=Money(10, "EUR")) for n in range(30)]
    huge = a_transfer(99, amount=Money(999_999_999_999_999_01, "EUR"))
    message = read_message(write_pain001(a_batch(*many, huge)))
    assert f"{message.sums['EUR']:f}" == "1000000000000002.01" == message.control_sum
