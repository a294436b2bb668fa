"""The file that a bank gets: valid, exact, and the same each time."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.iso20022.iso_files import CREDITOR, DEBTOR, a_batch, a_transfer

from paywright.core.currencies import EXPONENT
from paywright.core.money import Money
from paywright.iso20022.check import findings_of
from paywright.iso20022.model import Message
from paywright.iso20022.pain001 import BatchInvalid, block_id, write_pain001
from paywright.iso20022.read import read_message

XSD = Path(__file__).parents[2].parent / "shared/testdata/04_codes/iso20022/xsd/pain.001.001.09.xsd"


def read_back(*transfers: Any, **changes: Any) -> Message:
    message = read_message(write_pain001(a_batch(*transfers, **changes)))
    assert findings_of(message) == []
    return message


def test_what_is_written_says_what_was_asked_for() -> None:
    message = read_back(a_transfer(1), a_transfer(2, amount=Money(1, "EUR")))
    assert (message.name, message.id, message.count) == ("pain.001.001.09", "RUN-1", "2")
    assert (message.control_sum, message.created_at) == ("10.51", "2026-11-20T09:30:00Z")
    (block,) = message.blocks
    assert (block.id, block.date, block.service_level) == ("RUN-1-EUR", "2026-11-23", "SEPA")
    assert (block.charge_bearer, block.method) == ("SLEV", "TRF")
    assert block.debtor_account is not None
    assert block.debtor_account.iban == DEBTOR
    assert block.debtor_agent is not None
    assert block.debtor_agent.other == "NOTPROVIDED"
    first, second = block.transactions
    assert first.amount is not None
    assert second.amount is not None
    assert (first.amount.written, second.amount.written) == ("10.50", "0.01")
    assert first.creditor_account is not None
    assert (first.end_to_end_id, first.creditor_account.iban) == ("E1", CREDITOR)
    assert first.remittance is not None
    assert first.remittance.unstructured == ("Bill 17",)


def test_the_same_batch_gives_the_same_bytes() -> None:
    assert write_pain001(a_batch()) == write_pain001(a_batch())
    assert write_pain001(a_batch()).startswith(b"<?xml version='1.0' encoding='UTF-8'?>\n")


def test_each_currency_has_a_block_of_its_own() -> None:
    account = {"creditor_iban": None, "creditor_account": "55123", "creditor_bic": "QUORUS33"}
    message = read_back(
        a_transfer(1),
        a_transfer(2, amount=Money(1234, "USD"), creditor_country="US", **account),
        a_transfer(3, amount=Money(700, "JPY"), **account),
        a_transfer(4),
    )
    assert [(it.id, it.count, it.control_sum) for it in message.blocks] == [
        ("RUN-1-EUR", "2", "21.00"), ("RUN-1-JPY", "1", "700"), ("RUN-1-USD", "1", "12.34"),
    ]  # fmt: skip
    assert [it.service_level for it in message.blocks] == ["SEPA", None, None]
    assert [it.charge_bearer for it in message.blocks] == ["SLEV", "SHAR", "SHAR"]
    assert message.control_sum == "733.34"
    (dollars,) = message.blocks[2].transactions
    assert dollars.creditor is not None
    assert dollars.creditor_account is not None
    assert (dollars.creditor.country, dollars.creditor_account.number) == ("US", "55123")


def test_euros_that_leave_sepa_take_nothing_from_the_others() -> None:
    message = read_back(
        a_transfer(1),
        a_transfer(2, creditor_iban=None, creditor_account="55123", creditor_bic="QUORUS33"),
        a_transfer(3, creditor_iban="BR1500000000000010932840814P2"),
        a_transfer(4),
    )
    (block,) = message.blocks
    assert (block.service_level, block.charge_bearer) == (None, None)
    assert [it.service_level for it in block.transactions] == ["SEPA", None, None, "SEPA"]
    assert [it.charge_bearer for it in block.transactions] == ["SLEV", "SHAR", "SHAR", "SLEV"]


def test_names_are_written_in_the_characters_of_sepa() -> None:
    message = read_back(
        a_transfer(creditor_name="Þórður & Søn_株式会社 <x>", remittance="Zażółć\n№ 5 @ 10%" * 20)
    )
    (it,) = message.blocks[0].transactions
    assert it.creditor is not None
    assert it.creditor.name == "Thordur + Son-ZhuShiHuiShe (x)"
    assert it.remittance is not None
    (text,) = it.remittance.unstructured
    assert text.startswith("Zazolc No 5 (at) 10.Zazolc")
    assert len(text) == 140


def test_a_creditors_reference_is_written_as_one() -> None:
    message = read_back(
        a_transfer(1, remittance="rf18 5390 0754 7034"),
        a_transfer(2, remittance="RF19539007547034"),
    )
    first, second = (it.remittance for it in message.blocks[0].transactions)
    assert first is not None
    assert second is not None
    assert (first.references, first.unstructured) == (("RF18539007547034",), ())
    assert (second.references, second.unstructured) == ((), ("RF19539007547034",))


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("end_to_end_id", {"end_to_end_id": "x" * 36}),
        ("end_to_end_id", {"end_to_end_id": "a//b"}),
        ("end_to_end_id", {"end_to_end_id": "/a"}),
        ("end_to_end_id", {"end_to_end_id": "pay_1"}),
        ("end_to_end_id", {"end_to_end_id": ""}),
        ("end_to_end_id", {"end_to_end_id": "a  b"}),
        ("amount", {"amount": Money(0, "EUR")}),
        ("amount", {"amount": Money(10**18, "EUR")}),
        ("creditor_name", {"creditor_name": " "}),
        ("creditor_iban", {"creditor_iban": "DE89370400440532013001"}),
        ("creditor_iban", {"creditor_iban": None}),
        ("creditor_iban", {"creditor_account": "1"}),
        ("creditor_bic", {"creditor_iban": None, "creditor_account": "1"}),
        ("creditor_bic", {"creditor_bic": "QUORUS3"}),
        ("creditor_country", {"creditor_country": "fr"}),
    ],
)
def test_what_no_bank_takes_is_refused_by_its_field(field: str, changes: dict[str, Any]) -> None:
    with pytest.raises(BatchInvalid, match=rf"^transfers\.0\.{field}: "):
        write_pain001(a_batch(a_transfer(**changes)))


def test_a_batch_is_checked_as_a_whole() -> None:
    for field, changes in (
        ("message_id", {"message_id": "run_1"}),
        ("debtor_iban", {"debtor_iban": "DE00"}),
        ("debtor_bic", {"debtor_bic": "x"}),
        ("debtor_name", {"debtor_name": ""}),
        ("created_at", {"created_at": datetime(2026, 11, 20)}),  # noqa: DTZ001
        ("transfers", {"transfers": ()}),
        ("transfers", {"transfers": (a_transfer(1), a_transfer(1))}),
        ("transfers", {"transfers": [a_transfer(n, amount=Money(9 * 10**17, "EUR"))
                                     for n in range(2)]}),
    ):  # fmt: skip
        with pytest.raises(BatchInvalid, match=f"^{field}: "):
            write_pain001(a_batch(**changes))


def test_the_name_of_a_block_fits_and_differs_from_that_of_another() -> None:
    long = "A" * 34
    assert block_id("RUN-1", "EUR") == "RUN-1-EUR"
    assert len(block_id(long + "1", "EUR")) == 35
    assert block_id(long + "1", "EUR") != block_id(long + "2", "EUR")


ids = st.text("abcXYZ0189/-?:().,'+ ", min_size=1, max_size=35).filter(
    lambda it: it == " ".join(it.split()) and "//" not in it and not it.startswith("/")
    and not it.endswith("/")
)  # fmt: skip
names = st.text(min_size=1, max_size=200).filter(
    lambda it: any(char.isascii() and char.isalnum() for char in it)
)
moneys = st.builds(
    Money,
    st.integers(1, 10**12),
    st.sampled_from(["EUR", "USD", "JPY", "KWD", "CLF", *sorted(EXPONENT)[:5]]),
)

numbers = st.text("abXY0189", min_size=1, max_size=34)


@st.composite
def transfers(draw: st.DrawFn, number: int) -> Any:
    has_iban = draw(st.booleans())
    bic = st.sampled_from(["QUORUS33", "OSTRCZPPXXX"])
    return a_transfer(
        end_to_end_id=f"{number}-{draw(ids)}"[:35].rstrip("/ "),
        amount=draw(moneys),
        creditor_name=draw(names),
        creditor_iban=draw(st.sampled_from([CREDITOR, DEBTOR])) if has_iban else None,
        creditor_account=None if has_iban else draw(numbers),
        creditor_bic=draw(st.none() | bic if has_iban else bic),
        creditor_country=draw(st.sampled_from([None, "US", "FR"])),
        remittance=draw(st.none() | st.text(max_size=300) | st.just("RF18539007547034")),
    )  # fmt: skip


@st.composite
def batches(draw: st.DrawFn) -> Any:
    count = draw(st.integers(1, 6))
    return a_batch(
        *(draw(transfers(number)) for number in range(count)),
        message_id=draw(ids),
        debtor_name=draw(names),
        debtor_bic=draw(st.sampled_from([None, "OSTRDEFF"])),
        created_at=draw(st.datetimes(min_value=datetime(2000, 1, 1), timezones=st.timezones())),  # noqa: DTZ001
        execution_date=draw(st.dates()),
    )


@settings(max_examples=40, deadline=None)
@given(batch=batches())
def test_whatever_is_written_is_valid_by_the_schema(batch: Any) -> None:
    etree = pytest.importorskip("lxml.etree")
    if not XSD.exists():
        pytest.skip(f"{XSD.name} is not beside the project")
    data = write_pain001(batch)
    schema = etree.XMLSchema(etree.parse(XSD))
    schema.assertValid(etree.fromstring(data))
    message = read_message(data)
    assert {it.rule for it in findings_of(message)} <= {"execution_date"}
    paid = {
        it.end_to_end_id: it.amount.money
        for block in message.blocks for it in block.transactions if it.amount
    }  # fmt: skip
    assert paid == {it.end_to_end_id: it.amount for it in batch.transfers}
