"""Who is paid at another bank. Pure."""

import re

import msgspec

from paywright.core.errors import Invalid
from paywright.core.iban import fault_of

_ACCOUNT = re.compile(r"[A-Z0-9]{4,34}", re.ASCII)
_PROVIDER_ACCOUNT = re.compile(r"[A-Za-z0-9_]{4,64}", re.ASCII)
_BIC = re.compile(r"[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?", re.ASCII)  # ISO 9362:2022
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_NAME_MAX = 140  # of a creditor's name in ISO 20022, `Max140Text`


class BeneficiaryInvalid(Invalid):
    """The beneficiary is not somebody who can be paid.

    A beneficiary has a name, and either an `iban`, or an `account_number` with the `bic` of its
    bank, or a `provider_account`.
    """


class Beneficiary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """bank: which of our providers sends the money. country: of the account, ISO 3166-1
    alpha-2; `checked` fills it in where the account tells it. provider_account: one that the
    provider keeps itself, `acct_…` with Stripe Connect."""

    name: str
    bank: str
    iban: str | None = None
    account_number: str | None = None
    bic: str | None = None
    country: str | None = None
    provider_account: str | None = None

    @property
    def account(self) -> str:
        """What the money is bound to: another account is another payee."""
        return self.iban or self.provider_account or f"{self.bic}:{self.account_number}"


def checked(beneficiary: Beneficiary) -> Beneficiary:
    """The same, with numbers as banks write them: without spaces, in capitals.

    Raises BeneficiaryInvalid, naming the field.
    """
    name = " ".join(beneficiary.name.split())
    if not 0 < len(name) <= _NAME_MAX or not name.isprintable():
        raise _invalid("name", f"must have 1 to {_NAME_MAX} printable characters")
    iban, number = _compact(beneficiary.iban), _compact(beneficiary.account_number)
    bic = _compact(beneficiary.bic)
    kept = beneficiary.provider_account
    if [iban, number, kept].count(None) != 2:
        raise _invalid(
            "iban", "give either an iban, or an account_number with a bic, or a provider_account"
        )
    if bic is not None and not _BIC.fullmatch(bic):
        raise _invalid("bic", "must have the 8 or 11 characters of a BIC (ISO 9362)")
    country = _compact(beneficiary.country)
    if country is not None and not _COUNTRY.fullmatch(country):
        raise _invalid("country", "must be two letters (ISO 3166-1 alpha-2)")
    if iban is not None:
        if fault := fault_of(iban):
            raise _invalid("iban", fault)
        country = country or iban[:2]
    elif kept is not None:
        if not _PROVIDER_ACCOUNT.fullmatch(kept):
            raise _invalid("provider_account", "must have 4 to 64 letters, digits and underscores")
    elif bic is None:
        raise _invalid("bic", "is needed with an account_number")
    elif number is None or not _ACCOUNT.fullmatch(number):
        raise _invalid("account_number", "must have 4 to 34 letters and digits")
    else:
        country = country or bic[4:6]
    return Beneficiary(
        name=name,
        bank=beneficiary.bank,
        iban=iban,
        account_number=number,
        bic=bic,
        country=country,
        provider_account=kept,
    )


def masked(account: str) -> str:
    """Enough to recognise an account that one knows."""
    return f"{account[:2]}…{account[-4:]}"


def _compact(text: str | None) -> str | None:
    return None if text is None else "".join(text.split()).upper()


def _invalid(field: str, message: str) -> BeneficiaryInvalid:
    return BeneficiaryInvalid.field(f"beneficiary.{field}", message)
