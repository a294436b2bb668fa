"""OFAC's SDN.XML and CONSOLIDATED.XML.

Source: OFAC's schema of the file, SDN.XSD.
"""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from paywright.screening.loaders.countries import countries_of
from paywright.screening.loaders.elements import pieces, text, texts
from paywright.screening.loaders.parsed import Damage
from paywright.screening.loaders.sources import Source
from paywright.screening.loaders.words import dates_of, identifier_of, unique
from paywright.screening.model import Alias, Entry, EntryKind

_KINDS = {
    "individual": EntryKind.PERSON,
    "entity": EntryKind.ORGANIZATION,
    "vessel": EntryKind.VESSEL,
    "aircraft": EntryKind.AIRCRAFT,
}
# The list calls all that it knows by a number and a type an id, the gender as well.
_NO_IDS = ("Gender", "Secondary sanctions risk:", "Website", "Email Address", "Phone Number",
           "Additional Sanctions Information -", "Executive Order 13662 Directive Determination -",
           "Organization Established Date", "Organization Type:", "Vessel Year of Build",
           "Aircraft Manufacture Date", "Aircraft Model", "Target Type")  # fmt: skip


def read_ofac_xml(source: Source, list_name: str) -> Iterator[Entry | Damage]:
    for number, element in enumerate(pieces(source, "sdnEntry"), 1):
        name, entry_id = _name(element), text(element, "uid")
        if not name or not entry_id:
            yield Damage(number, "no name or no uid")
            continue
        yield Entry(
            list=list_name,
            id=entry_id,
            kind=_KINDS.get(text(element, "sdnType").lower(), EntryKind.UNKNOWN),
            name=name,
            aliases=[
                Alias(alias, is_weak=text(it, "category").lower() == "weak")
                for it in element.findall("akaList/aka")
                if (alias := _name(it))
            ],
            birth_dates=unique(
                date
                for it in texts(element, "dateOfBirthList/dateOfBirthItem/dateOfBirth")
                for date in dates_of(it)
            ),
            countries=countries_of(
                [
                    *texts(element, "nationalityList/nationality/country"),
                    *texts(element, "citizenshipList/citizenship/country"),
                    *texts(element, "addressList/address/country"),
                    *texts(element, "vesselInfo/vesselFlag"),
                ]
            ),
            identifiers=unique(
                _identifier(it)
                for it in element.findall("idList/id")
                if text(it, "idType") not in _NO_IDS
            ),
            programs=unique(texts(element, "programList/program")),
            remarks=text(element, "remarks"),
        )


def _name(element: Element) -> str:
    """`SURNAME, Given`, as the tables have it."""
    return ", ".join(filter(None, (text(element, "lastName"), text(element, "firstName"))))


def _identifier(element: Element) -> str:
    number = text(element, "idNumber")
    return identifier_of(number.removeprefix("IMO ")) if number else ""
