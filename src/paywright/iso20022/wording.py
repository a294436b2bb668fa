"""What may be written in a payment: the characters of SEPA, ids, references of creditors."""

import re

from anyascii import anyascii

# European Payments Council, EPC217-08: what every bank of SEPA takes. It is SWIFT's set X.
_PLAIN = "a-zA-Z0-9/?:().,'+ -"
_OUTSIDE = re.compile(f"[^{_PLAIN}]")
_ID = re.compile(f"[{_PLAIN}]{{1,35}}")
# Of other scripts than Latin, and what is not a character to read.
_FOREIGN = re.compile(r"[^\x20-\x7e\u00a0-\u024f\u1e00-\u1eff\u2010-\u201f\u20ac]")

# What `anyascii` leaves outside the set, as what looks nearest.
_NEAREST = str.maketrans(
    {
        "&": "+", "_": "-", "~": "-", "@": "(at)", '"': "'", "`": "'", "|": "/", "\\": "/",
        "[": "(", "]": ")", "{": "(", "}": ")", "<": "(", ">": ")", ";": ",",
    }
)  # fmt: skip
_REFERENCE = re.compile(r"RF[0-9]{2}[A-Z0-9]{1,21}")


def outside(text: str) -> str:
    """The characters that not every bank of SEPA takes, each once, sorted."""
    return "".join(sorted(set(_OUTSIDE.findall(text))))


def is_foreign(text: str) -> bool:
    """Has characters that a bank of SEPA never takes. Letters with accents are not among them:
    many countries take their own."""
    return _FOREIGN.search(text) is not None


def plain(text: str, length_max: int) -> str:
    """In the characters of SEPA, on one line, cut off at `length_max`.

    Other scripts and accents are spelled in ASCII by `anyascii` (`Ø` → `O`, `株` → `Zhu`); what is
    left is replaced by what looks nearest, or by a full stop. May be empty.
    """
    spelled = _OUTSIDE.sub(".", anyascii(" ".join(text.split())).translate(_NEAREST))
    return " ".join(spelled.split())[:length_max].rstrip()


def fault_of_id(text: str) -> str | None:
    """What is wrong with an id, or None. Source: EPC130-08, which forbids the slashes."""
    if not _ID.fullmatch(text) or text != " ".join(text.split()):
        return "must have 1 to 35 letters, digits, single spaces or characters of /-?:().,'+"
    return slash_fault(text)


def slash_fault(text: str) -> str | None:
    if text.startswith("/") or text.endswith("/") or "//" in text:
        return "may not begin or end with a slash, nor have two together"
    return None


def creditor_reference(text: str) -> str | None:
    """The text as a creditor's reference without spaces (ISO 11649), or None where it is none."""
    found = "".join(text.split()).upper()
    return found if _REFERENCE.fullmatch(found) and _fits(found) else None


def looks_like_reference(text: str) -> bool:
    return re.match(r"RF[0-9]{2}", text) is not None


def _fits(reference: str) -> bool:
    """ISO 7064, MOD 97-10, as with an IBAN."""
    return int("".join(str(int(it, 36)) for it in reference[4:] + reference[:4])) % 97 == 1
