"""Samples of banks, of many countries: all are read, and nothing is found wrong that is not.

The files stand beside the project, not in it; without them these tests are skipped.
"""

import re
from pathlib import Path

import pytest

from paywright.iso20022.check import findings_of
from paywright.iso20022.model import Weight
from paywright.iso20022.read import read_message

FOLDER = Path(__file__).parents[2].parent / "shared/testdata/04_codes/iso20022"
FILES = sorted([*FOLDER.glob("market/*.xml"), *FOLDER.glob("*.xml")])
pytestmark = pytest.mark.skipif(not FILES, reason=f"{FOLDER.name} is not beside the project")
each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def rules_of(text: str) -> set[str]:
    found = findings_of(read_message(text.encode()))
    return {it.rule for it in found if it.weight is Weight.ERROR}


@each_file
def test_each_says_who_is_to_be_paid_what(path: Path) -> None:
    text = path.read_text()
    message = read_message(path.read_bytes())
    assert message.name in text
    assert f"<MsgId>{message.id}</MsgId>" in text
    transactions = [it for block in message.blocks for it in block.transactions]
    ids = re.findall(r"<EndToEndId>(.+?)</EndToEndId>", text)
    assert [it.end_to_end_id for it in transactions] == ids
    assert len(ids) == int(message.count or 0) == message.counted
    amounts = re.findall(r'<(?:InstdAmt|IntrBkSttlmAmt) Ccy="(...)">([\d.]+)<', text)
    assert [(it.amount.currency, it.amount.written) for it in transactions if it.amount] == amounts
    for it in transactions:
        assert it.amount is not None
        assert it.amount.money is not None
        other = it.debtor if "DrctDbt" in text else it.creditor
        assert other is not None
        assert f"<Nm>{other.name}</Nm>" in text
    accounts = {
        number
        for it in (*message.blocks, *transactions)
        for account in (it.creditor_account, it.debtor_account) if account
        for number in (account.iban, account.number) if number
    }  # fmt: skip
    named = re.findall(r"<(?:Cdtr|Dbtr)Acct>\s*<Id>\s*(?:<Othr>\s*<Id>|<IBAN>)(\w+)<", text)
    assert accounts == set(named)


@each_file
def test_nothing_in_them_disagrees(path: Path) -> None:
    assert rules_of(path.read_text()) == set()


@each_file
def test_what_is_changed_in_them_is_found(path: Path) -> None:
    text = path.read_text()
    changed = {
        "transaction_count": re.sub(r"<NbOfTxs>\d+", "<NbOfTxs>9", text, count=1),
        "control_sum": re.sub(r"<CtrlSum>\d", "<CtrlSum>77", text, count=1),
        "iban": re.sub(
            r"<IBAN>(..)(\d\d)", lambda it: f"<IBAN>{it[1]}{(int(it[2]) + 1) % 100:02}", text,
            count=1,
        ),
        "decimals": re.sub(r'(Amt Ccy="...">[\d.]+)', r"\g<1>001", text, count=1),
        "currency": re.sub(r'Amt Ccy="..."', 'Amt Ccy="XXQ"', text, count=1),
        "execution_date": re.sub(
            r"(<ReqdExctnDt>\s*(?:<Dt>|<DtTm>)?|<ReqdColltnDt>)\d{4}", r"\g<1>2020", text, count=1
        ),
    }  # fmt: skip
    for rule, other in changed.items():
        if other != text:
            assert rule in rules_of(other)
