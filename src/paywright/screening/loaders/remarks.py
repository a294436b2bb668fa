"""What OFAC's tables keep in the free text of the column Remarks.

Source: FACTS of the format: OFAC, "Specially Designated Nationals List: data formats". The parts
are divided by `; `. Weak aliases are only here, in single quotes.
"""

import re

import msgspec

from paywright.screening.loaders.countries import countries_of
from paywright.screening.loaders.words import dates_of, identifier_of, unique

_WEAK = re.compile(r"(?:alt\. )?[afn]\.k\.a\. '(.+)'\.?$")
_BORN = re.compile(r"(?:alt\. )?DOB (.+)$")
_NATION = re.compile(r"(?:alt\. )?(?:nationality|citizen) (.+)$")
# The words before the number differ from country to country, but all end in one of these.
_IDENTIFIER = re.compile(
    r"(?:alt\. )?(?:(?P<passport>Passport)|[\w .'/()-]*?(?:No\.?|Number|#|ID|IMO|MMSI|D\.N\.I\.|"
    r"Identification))(?: #| IMO| No\.)? (?P<number>[A-Z]{0,4}[ -]?[\w./-]*\d[\w./-]*)"
)
_NOT_IDENTIFIERS = ("Linked To", "POB", "Secondary sanctions", "Additional Sanctions", "Phone",
                    "Telephone", "Fax", "Chinese Commercial Code")  # fmt: skip


class Remarks(msgspec.Struct, frozen=True, kw_only=True):
    weak_aliases: list[str]
    birth_dates: list[str]
    countries: list[str]
    identifiers: list[str]


def read_remarks(text: str) -> Remarks:
    """Take apart what can be taken apart."""
    aliases: list[str] = []
    dates: list[str] = []
    nations: list[str] = []
    identifiers: list[str] = []
    for part in text.strip().removesuffix(".").split(";"):
        piece = part.strip()
        if match := _WEAK.match(piece):
            aliases.append(match[1])
        elif match := _BORN.match(piece):
            dates += dates_of(match[1])
        elif match := _NATION.match(piece):
            nations.append(match[1].removeprefix("possibly "))
        elif not piece.startswith(_NOT_IDENTIFIERS) and (match := _IDENTIFIER.match(piece)):
            identifiers.append(identifier_of(match["number"]))
    return Remarks(
        weak_aliases=unique(aliases),
        birth_dates=unique(dates),
        countries=countries_of(nations),
        identifiers=unique(identifiers),
    )
