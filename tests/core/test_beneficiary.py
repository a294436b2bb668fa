"""Who can be paid at another bank."""

from pathlib import Path

import pytest

from paywright.core.beneficiary import Beneficiary, BeneficiaryInvalid, checked, masked

VECTORS = Path(__file__).parents[3] / "shared/testdata/10_identifiers/iban_vectors.tsv"


def a_beneficiary(**changes: str | None) -> Beneficiary:
    fields: dict[str, str | None] = {
        "name": "Tomás Oyelaran",
        "bank": "partner_bank",
        "iban": "DE89370400440532013000",
    }
    return Beneficiary(**fields | changes)  # ty: ignore[invalid-argument-type]


def test_numbers_are_kept_as_banks_write_them() -> None:
    found = checked(a_beneficiary(name="  Tomás   Oyelaran ", iban="de89 3704 0044 0532 0130 00"))
    assert found.name == "Tomás Oyelaran"
    assert found.iban == "DE89370400440532013000"
    assert found.country == "DE"


def test_an_account_number_has_the_country_of_its_bank() -> None:
    found = checked(a_beneficiary(iban=None, account_number="12345678", bic="CHASUS33"))
    assert (found.country, found.account) == ("US", "CHASUS33:12345678")


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("name", {"name": "   "}),
        ("name", {"name": "A" * 141}),
        ("name", {"name": "Ann\u0000a"}),
        ("name", {"name": "Ann\u202ea"}),
        ("iban", {"iban": None}),
        ("iban", {"account_number": "12345678", "bic": "CHASUS33"}),
        ("iban", {"iban": "DE89370400440532013001"}),
        ("iban", {"iban": "DE8937040044053201300"}),
        ("iban", {"iban": "DE89 3704 0044 0532 0130 0\u0660"}),
        ("bic", {"iban": None, "account_number": "12345678"}),
        ("bic", {"iban": None, "account_number": "12345678", "bic": "CHAS"}),
        ("account_number", {"iban": None, "account_number": "1-2", "bic": "CHASUS33"}),
        ("country", {"country": "D1"}),
    ],
)
def test_what_no_bank_would_take_is_refused_naming_the_field(
    field: str, changes: dict[str, str | None]
) -> None:
    with pytest.raises(BeneficiaryInvalid) as refused:
        checked(a_beneficiary(**changes))
    assert refused.value.extra["errors"][0].field == f"beneficiary.{field}"  # ty: ignore


def test_an_account_is_shown_only_as_far_as_one_must_know_it() -> None:
    assert masked("DE89370400440532013000") == "DE…3000"


@pytest.mark.skipif(not VECTORS.exists(), reason="the reference numbers are not here")
def test_ibans_are_told_from_what_only_looks_like_one() -> None:
    lines = VECTORS.read_text().splitlines()
    columns = lines[0].split("\t")
    rows = [dict(zip(columns, line.split("\t"), strict=True)) for line in lines[1:]]
    assert rows
    for row in rows:
        expected = row["valid"] in ("1", "true", "True")
        assert _is_valid(row["iban"]) is expected, row


def _is_valid(iban: str) -> bool:
    try:
        checked(a_beneficiary(iban=iban))
    except BeneficiaryInvalid:
        return False
    return True
