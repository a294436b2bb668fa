"""What is written in an element, by path of local names: versions differ in their namespaces."""

import re
from collections.abc import Mapping
from decimal import Context, Decimal
from functools import lru_cache
from xml.etree.ElementTree import Element

from paywright.core.currencies import EXPONENT
from paywright.core.money import MINOR_MAX
from paywright.iso20022.model import Account, Agent, Amount, Party, Reason, Remittance

# Every text below an element, by its path, in the order of the file: `{"Cdtr/Nm": ["…"]}`. An
# attribute has the path of its element, and its name after an `@`. The paths of elements that have
# others in them are there too, without texts.
Fields = Mapping[str, list[str]]

# `xs:decimal`. More digits than any amount or sum can have are not a number to us.
_DECIMAL = re.compile(r"[+-]?(?=\.?\d)\d{0,30}(?:\.\d{0,20})?", re.ASCII)
_EXACT = Context(prec=60)


@lru_cache(maxsize=2_000)
def local(tag: str) -> str:
    """`{urn:…}CdtTrfTxInf` → `CdtTrfTxInf`."""
    return tag.rpartition("}")[2]


def flat(element: Element) -> Fields:
    found: dict[str, list[str]] = {}
    _collect(found, element, "")
    return found


def _collect(found: dict[str, list[str]], element: Element, before: str) -> None:
    for child in element:
        path = before + local(child.tag)
        if len(child):
            found.setdefault(path, [])
            _collect(found, child, path + "/")
        else:
            text = " ".join(child.text.split()) if child.text else ""
            if path in found:
                found[path].append(text)
            else:
                found[path] = [text]
        for name, value in child.attrib.items():
            found.setdefault(f"{path}@{local(name)}", []).append(value.strip())


def text(fields: Fields, *paths: str) -> str | None:
    """The first that is not empty, of the paths in their order."""
    for path in paths:
        for found in fields.get(path, ()):
            if found:
                return found
    return None


def texts(fields: Fields, *paths: str) -> tuple[str, ...]:
    return tuple([it for path in paths if path in fields for it in fields[path] if it])


def either(fields: Fields, path: str) -> str | None:
    """A choice between a code and something that two parties have agreed on."""
    return text(fields, path + "/Cd", path + "/Prtry", path + "/Prtry/Id")


def decimal(written: str | None) -> Decimal | None:
    """Exact. None: there is nothing, or it is not a plain decimal."""
    if written is None or not _DECIMAL.fullmatch(written):
        return None
    return Decimal(written)


def amount(fields: Fields, *paths: str) -> Amount | None:
    """The amount at the first path that has one. What is wrong with it can be seen: no `value` for
    what is not a number, no `minor` for what its currency cannot express."""
    for path in paths:
        if (written := text(fields, path)) is not None:
            currency = text(fields, path + "@Ccy")
            value = decimal(written)
            return Amount(written, currency, value, _minor(value, currency))
    return None


def _minor(value: Decimal | None, currency: str | None) -> int | None:
    digits = EXPONENT.get(currency or "")
    if value is None or digits is None:
        return None
    scaled = value.scaleb(digits, _EXACT)
    minor = int(scaled)
    return minor if minor == scaled and abs(minor) <= MINOR_MAX else None


def party(fields: Fields, path: str) -> Party | None:
    """Parties of reports stand in an element of their own, `Pty`, since the newer versions."""
    for at in (path, path + "/Pty"):
        if at not in fields:
            continue
        found = Party(
            name=text(fields, at + "/Nm"),
            country=text(fields, at + "/PstlAdr/Ctry", at + "/CtryOfRes"),
            town=text(fields, at + "/PstlAdr/TwnNm"),
            address=texts(
                fields,
                *(f"{at}/PstlAdr/{it}" for it in ("AdrLine", "StrtNm", "BldgNb", "PstCd")),
            ),
            ids=texts(
                fields,
                *(f"{at}/Id/OrgId/{it}" for it in ("LEI", "AnyBIC", "BICOrBEI", "Othr/Id")),
                f"{at}/Id/PrvtId/Othr/Id",
            ),
        )
        if found != Party():
            return found
    return None


def account(fields: Fields, path: str) -> Account | None:
    if path not in fields:
        return None
    iban, number = text(fields, path + "/Id/IBAN"), text(fields, path + "/Id/Othr/Id")
    proxy = text(fields, path + "/Prxy/Id")
    if iban is None and number is None and proxy is None:
        return None
    scheme = either(fields, path + "/Id/Othr/SchmeNm")
    if iban is None and number is None:
        scheme = either(fields, path + "/Prxy/Tp")
    return Account(
        iban=iban,
        number=number or (None if iban else proxy),
        scheme=scheme,
        currency=text(fields, path + "/Ccy"),
    )


def agent(fields: Fields, path: str) -> Agent | None:
    at = path + "/FinInstnId"
    if at not in fields:
        return None
    found = Agent(
        bic=text(fields, at + "/BICFI", at + "/BIC"),
        clearing_system=either(fields, at + "/ClrSysMmbId/ClrSysId"),
        member_id=text(fields, at + "/ClrSysMmbId/MmbId"),
        name=text(fields, at + "/Nm"),
        other=text(fields, at + "/Othr/Id"),
    )
    return None if found == Agent() else found


def remittance(fields: Fields, path: str = "RmtInf") -> Remittance | None:
    if path not in fields:
        return None
    structured = path + "/Strd/"
    found = Remittance(
        unstructured=texts(fields, path + "/Ustrd"),
        references=texts(fields, structured + "CdtrRefInf/Ref", structured + "CdtrRefInf/CdtrRef"),
        documents=texts(
            fields, structured + "RfrdDocInf/Nb", structured + "RfrdDocInf/RfrdDocNb",
            structured + "RfrdDocInf/LineDtls/Id/Nb",
        ),
        additional=texts(fields, structured + "AddtlRmtInf"),
    )  # fmt: skip
    return None if found == Remittance() else found


def reasons(fields: Fields, path: str = "StsRsnInf") -> tuple[Reason, ...]:
    """Codes and texts, in order. Which text belongs to which of several codes is not kept: a
    single code has all of them, the first of several has them."""
    codes = texts(fields, *(f"{path}/{rsn}/{it}" for rsn in ("Rsn", "StsRsn")
                            for it in ("Cd", "Prtry")))  # fmt: skip
    said = " ".join(texts(fields, path + "/AddtlInf", path + "/AddtlStsRsnInf")) or None
    if not codes:
        return (Reason(None, said),) if said else ()
    return (Reason(codes[0], said), *(Reason(code, None) for code in codes[1:]))
