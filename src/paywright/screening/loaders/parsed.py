"""What reading a list gives: entries, and what could not be read."""

from collections.abc import Sequence

import msgspec

from paywright.core.errors import Invalid
from paywright.screening.model import Entry


class Damage(msgspec.Struct, frozen=True):
    """A row that is no entry. `row` counts from 1: a line of a table, an element of XML."""

    row: int
    reason: str


class Parsed(msgspec.Struct, frozen=True, kw_only=True):
    """A whole list. `format`: the name of the one that it was read as."""

    format: str
    entries: Sequence[Entry]
    damaged: Sequence[Damage]


class ListUnreadable(Invalid):
    """The file is not a sanctions list that can be read.

    Known are OFAC's CSV and XML files, the UN's XML, `targets.simple.csv` of OpenSanctions, BIS's
    denied persons, and a CSV with a header line with at least the columns `id` and `name`.
    """


class ListTooLarge(Invalid):
    """The file is larger than any sanctions list is."""
