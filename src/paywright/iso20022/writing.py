"""Write a message: the same bytes for the same content."""

from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from paywright.core.currencies import EXPONENT
from paywright.core.money import Money


def document(name: str, body: str) -> tuple[Element, Element]:
    """The root of a message, and its body. name: `pain.001.001.09`."""
    root = Element("Document", {"xmlns": f"urn:iso:std:iso:20022:tech:xsd:{name}"})
    return root, SubElement(root, body)


def add(parent: Element, path: str, text: str | None = None, **attributes: Any) -> Element:
    """A new element at the end of a path of new ones, `Dbtr/Nm`. Returns the last."""
    for name in path.split("/"):
        parent = SubElement(parent, name)
    parent.text = text
    parent.attrib.update(attributes)
    return parent


def written(root: Element) -> bytes:
    """UTF-8, with a declaration, indented."""
    indent(root)
    return tostring(root, encoding="UTF-8", xml_declaration=True) + b"\n"


def decimal_of(amount: Money) -> str:
    """`10.99`, in all the decimals of its currency."""
    return decimal_text(amount.minor, EXPONENT[amount.currency])


def decimal_text(units: int, digits: int) -> str:
    """The units of which 10^digits are one, as a decimal. None is negative here."""
    whole, part = divmod(units, 10**digits)
    return f"{whole}.{part:0{digits}}" if digits else str(whole)


def moment_of(at: datetime) -> str:
    """To the second, in UTC, which the newer versions ask for."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
