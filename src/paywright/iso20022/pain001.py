"""Write a file that asks a bank for credit transfers: pain.001.001.09."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from hashlib import sha256
from itertools import groupby
from xml.etree.ElementTree import Element

import msgspec

from paywright.core.currencies import EXPONENT
from paywright.core.errors import Invalid
from paywright.core.iban import fault_of
from paywright.core.money import Money
from paywright.iso20022.wording import creditor_reference, fault_of_id, plain
from paywright.iso20022.writing import add, decimal_of, decimal_text, document, moment_of, written

NAME = "pain.001.001.09"
_TRANSFERS_MAX = 100_000
_ID_MAX, _SEPA_NAME_MAX, _NAME_MAX, _TEXT_MAX = 35, 70, 140, 140
_DIGITS_MAX = 18  # of an amount or a sum, by the schema
_BIC = re.compile(r"[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?", re.ASCII)  # ISO 9362:2022
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_ACCOUNT = re.compile(r"[A-Za-z0-9]{1,34}", re.ASCII)

# Whose IBANs SEPA reaches; islands of GB and FR have theirs. Source: European Payments Council,
# EPC409-09.
_SEPA = "AD AL AT BE BG CH CY CZ DE DK EE ES FI FR GB GI GR HR HU IE IS IT LI LT LU LV MC MD ME"
_SEPA_TOO = "MK MT NL NO PL PT RO RS SE SI SK SM VA"
_SEPA_COUNTRIES = frozenset([*_SEPA.split(), *_SEPA_TOO.split()])


class BatchInvalid(Invalid):
    """The batch cannot be written as a file for a bank."""


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """Who is paid how much: to an IBAN, or to a number with the BIC of its bank.

    end_to_end_id:    unique in the batch, at most 35 characters of SEPA, written as it is
    creditor_country: ISO 3166-1 alpha-2
    """

    end_to_end_id: str
    amount: Money
    creditor_name: str
    creditor_iban: str | None = None
    creditor_account: str | None = None
    creditor_bic: str | None = None
    creditor_country: str | None = None
    remittance: str | None = None


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """message_id: at most 35 characters of SEPA; the bank's answer names it."""

    message_id: str
    created_at: datetime
    execution_date: date
    debtor_name: str
    debtor_iban: str
    transfers: Sequence[Transfer]
    debtor_bic: str | None = None


def write_pain001(batch: Batch) -> bytes:
    """The file. The same batch gives the same bytes.

    There is one block for each currency, named by `block_id`. Where it is paid in EUR to IBANs of
    countries of SEPA, it is SEPA with shared charges (`SLEV`); if only some of its transfers are,
    each of these says so. Names and remittance are written in the characters of SEPA, other
    scripts in the spelling of `anyascii`, and cut off at the length that the schema and SEPA
    allow. A creditor's reference (ISO 11649) alone in the remittance is written as one. SEPA
    transfers have no address: SEPA takes a country only together with a town.

    Raises BatchInvalid.
    """
    _check(batch)
    ordered = sorted(batch.transfers, key=lambda it: it.amount.currency)  # otherwise as they came
    root, body = document(NAME, "CstmrCdtTrfInitn")
    head = add(body, "GrpHdr")
    add(head, "MsgId", batch.message_id)
    add(head, "CreDtTm", moment_of(batch.created_at))
    _totals(head, ordered)
    add(head, "InitgPty/Nm", plain(batch.debtor_name, _SEPA_NAME_MAX))
    for currency, transfers in groupby(ordered, key=lambda it: it.amount.currency):
        _block(add(body, "PmtInf"), batch, currency, list(transfers))
    return written(root)


def block_id(message_id: str, currency: str) -> str:
    """What the block of a currency is called, in at most 35 characters."""
    whole = f"{message_id}-{currency}"
    if len(whole) <= _ID_MAX:
        return whole
    return f"{sha256(message_id.encode()).hexdigest()[:31]}-{currency}"


def _block(block: Element, batch: Batch, currency: str, transfers: Sequence[Transfer]) -> None:
    sepa = [_is_sepa(batch, it) for it in transfers]
    add(block, "PmtInfId", block_id(batch.message_id, currency))
    add(block, "PmtMtd", "TRF")
    _totals(block, transfers)
    if all(sepa):
        add(block, "PmtTpInf/SvcLvl/Cd", "SEPA")
    add(block, "ReqdExctnDt/Dt", batch.execution_date.isoformat())
    add(block, "Dbtr/Nm", plain(batch.debtor_name, _SEPA_NAME_MAX))
    add(block, "DbtrAcct/Id/IBAN", batch.debtor_iban)
    if batch.debtor_bic is not None:
        add(block, "DbtrAgt/FinInstnId/BICFI", batch.debtor_bic)
    else:
        add(block, "DbtrAgt/FinInstnId/Othr/Id", "NOTPROVIDED")
    if all(sepa) or not any(sepa):
        add(block, "ChrgBr", _charges(sepa[0]))
    for transfer, is_sepa in zip(transfers, sepa, strict=True):
        mixed = any(sepa) and not all(sepa)
        _transfer(add(block, "CdtTrfTxInf"), transfer, is_sepa=is_sepa, mixed=mixed)


def _transfer(element: Element, it: Transfer, *, is_sepa: bool, mixed: bool) -> None:
    add(element, "PmtId/EndToEndId", it.end_to_end_id)
    if mixed and is_sepa:
        add(element, "PmtTpInf/SvcLvl/Cd", "SEPA")
    add(element, "Amt/InstdAmt", decimal_of(it.amount), Ccy=it.amount.currency)
    if mixed:
        add(element, "ChrgBr", _charges(is_sepa))
    if it.creditor_bic is not None:
        add(element, "CdtrAgt/FinInstnId/BICFI", it.creditor_bic)
    creditor = add(element, "Cdtr")
    add(creditor, "Nm", plain(it.creditor_name, _SEPA_NAME_MAX if is_sepa else _NAME_MAX))
    if it.creditor_country is not None and not is_sepa:
        add(creditor, "PstlAdr/Ctry", it.creditor_country)
    if it.creditor_iban is not None:
        add(element, "CdtrAcct/Id/IBAN", it.creditor_iban)
    else:
        add(element, "CdtrAcct/Id/Othr/Id", it.creditor_account)
    if it.remittance is not None:
        _remittance(element, it.remittance)


def _remittance(element: Element, text: str) -> None:
    if reference := creditor_reference(text):
        info = add(element, "RmtInf/Strd/CdtrRefInf")
        kind = add(info, "Tp")
        add(kind, "CdOrPrtry/Cd", "SCOR")
        add(kind, "Issr", "ISO")
        add(info, "Ref", reference)
    elif shown := plain(text, _TEXT_MAX):
        add(element, "RmtInf/Ustrd", shown)


def _totals(element: Element, transfers: Sequence[Transfer]) -> None:
    add(element, "NbOfTxs", str(len(transfers)))
    digits = _digits(transfers)
    add(element, "CtrlSum", decimal_text(_summed(transfers, digits), digits))


def _summed(transfers: Sequence[Transfer], digits: int) -> int:
    """All amounts, whatever their currencies, in units of which 10^digits are one."""
    return sum(it.amount.minor * 10 ** (digits - EXPONENT[it.amount.currency]) for it in transfers)


def _charges(is_sepa: bool) -> str:
    return "SLEV" if is_sepa else "SHAR"


def _is_sepa(batch: Batch, it: Transfer) -> bool:
    return (
        it.amount.currency == "EUR"
        and it.creditor_iban is not None
        and it.creditor_iban[:2] in _SEPA_COUNTRIES
        and batch.debtor_iban[:2] in _SEPA_COUNTRIES
    )


def _check(batch: Batch) -> None:
    if not 0 < len(batch.transfers) <= _TRANSFERS_MAX:
        raise BatchInvalid.field("transfers", f"must be 1 to {_TRANSFERS_MAX:,}")
    if batch.created_at.tzinfo is None:
        raise BatchInvalid.field("created_at", "needs an offset")
    if fault := fault_of_id(batch.message_id):
        raise BatchInvalid.field("message_id", fault)
    if fault := fault_of(batch.debtor_iban):
        raise BatchInvalid.field("debtor_iban", fault)
    if not plain(batch.debtor_name, _NAME_MAX):
        raise BatchInvalid.field("debtor_name", "is missing")
    if batch.debtor_bic is not None and not _BIC.fullmatch(batch.debtor_bic):
        raise BatchInvalid.field("debtor_bic", "must have the 8 or 11 characters of a BIC")
    for at, it in enumerate(batch.transfers):
        if wrong := _fault(it):
            raise BatchInvalid.field(f"transfers.{at}.{wrong[0]}", wrong[1])
    name, count = Counter(it.end_to_end_id for it in batch.transfers).most_common(1)[0]
    if count > 1:
        raise BatchInvalid.field("transfers", f"{name} is the end-to-end id of {count}")
    if len(str(_summed(batch.transfers, _digits(batch.transfers)))) > _DIGITS_MAX:
        raise BatchInvalid.field("transfers", "come to more than a control sum can say")


def _digits(transfers: Sequence[Transfer]) -> int:
    return max(EXPONENT[it.amount.currency] for it in transfers)


def _fault(it: Transfer) -> tuple[str, str] | None:
    if fault := fault_of_id(it.end_to_end_id):
        return "end_to_end_id", fault
    if it.amount.minor <= 0:
        return "amount", "must be more than zero"
    if len(str(it.amount.minor)) > _DIGITS_MAX:
        return "amount", f"has more than {_DIGITS_MAX} digits"
    if not plain(it.creditor_name, _NAME_MAX):
        return "creditor_name", "is missing"
    if it.creditor_country is not None and not _COUNTRY.fullmatch(it.creditor_country):
        return "creditor_country", "must be two letters (ISO 3166-1 alpha-2)"
    return _account_fault(it)


def _account_fault(it: Transfer) -> tuple[str, str] | None:
    if it.creditor_bic is not None and not _BIC.fullmatch(it.creditor_bic):
        return "creditor_bic", "must have the 8 or 11 characters of a BIC"
    if (it.creditor_iban is None) == (it.creditor_account is None):
        return "creditor_iban", "give either an IBAN, or an account with a BIC"
    if it.creditor_iban is not None:
        fault = fault_of(it.creditor_iban)
        return ("creditor_iban", fault) if fault else None
    return _number_fault(it)


def _number_fault(it: Transfer) -> tuple[str, str] | None:
    if it.creditor_bic is None:
        return "creditor_bic", "is needed with an account that has no IBAN"
    if not _ACCOUNT.fullmatch(it.creditor_account or ""):
        return "creditor_account", "must have 1 to 34 letters and digits"
    return None
