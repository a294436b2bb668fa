"""Secrets and personal data that can be told by their shape, wherever in a text they are. Pure.

A number is only taken for a card or an IBAN when its check digits agree, so references and ids
survive. Every pattern is bounded: no text makes one run longer than linear in its length.
"""

import re

# Length of an IBAN by country. Source: SWIFT IBAN registry, release 99 (2024-12).
_IBAN_LENGTHS = {
    15: "NO",
    16: "BE",
    18: "DK FO FI GL NL SD FK",
    19: "MK SI",
    20: "AT BA EE KZ XK LT LU MN",
    21: "HR LV LI CH",
    22: "BH BG CR GE DE IE ME RS GB VA",
    23: "TL GI IQ IL OM SO AE",
    24: "AD CZ MD PK RO SA SK ES SE TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MR MC SM",
    28: "AL AZ BY CY DO SV GT HU LB NI PL",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}

_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

# Nearly every text in a log is words or one of our ids, and is told by this one cheap match.
# Ids: a TypeID, a request id, a UUID. None holds a card or an IBAN: see the digit before them.
_HARMLESS = re.compile(
    rf"[A-Za-z_. /{{}}-]*(?:_(?:[0-7][0-9a-z]{{25}}|[0-9a-f]{{32}}))?|[0-9]{{1,12}}|{_UUID}"
)
_DIGITS = re.compile(r"[0-9][0-9 -]{11,}[0-9]")
_IBAN_START = re.compile(r"[A-Za-z]{2}[0-9]{2} ?[A-Za-z0-9]{4}")

_URL_PASSWORD = re.compile(r"(://[^\s:/@?#]{0,128}:)[^\s\"'<>]{1,1024}@")
_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{4,1024}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)*")
_BEARER = re.compile(r"\b(bearer\s{1,4})[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE)
# Ours, Stripe's secret keys, and webhook secrets (Stripe, Standard Webhooks).
_KEY = re.compile(
    r"pk_[A-Za-z0-9_-]{43,}|[sr]k_(?:live|test)_[A-Za-z0-9]{8,}|whsec_[A-Za-z0-9+/=_-]{8,}"
)
# `?token=…`, `password='…'`, and the repr or the JSON of a mapping: `"api_key": "…"`.
_NAMED = re.compile(
    r"((?:password|passwd|secret|token|api[_-]?key|authorization|cookie|otp|cvc|cvv|encryption_key)"
    r"(?:\s?=\s?['\"]?|['\"]\s?:\s?b?['\"]?))"
    r"(?!\[redacted)(?:(?:bearer|basic)\s)?[^\s\"'&,;)}\]]+",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"(authorization:\s?)(?:[a-z]{1,16}\s)?[^\s\"']+|(cookie:\s?)[^\r\n\"']+", re.IGNORECASE
)
_EMAIL = re.compile(
    r"[^\s@<>\"'(),:;\[\]\\/=?&{}|]{1,64}@[^\W_](?:[\w-]{0,62}\.){1,8}[^\W\d_][\w-]{0,62}"
)
# A UUID's digits are nobody's card; nor are a fraction's.
_CARD = re.compile(
    rf"(?<![0-9A-Za-z])(?:{_UUID}|(?<![0-9]\.)[0-9](?:[ -]?[0-9]){{12,}})(?![0-9A-Za-z])"
)
_IBAN = re.compile(
    r"(?<![0-9A-Za-z])(?:"
    + "|".join(
        rf"(?:{'|'.join(countries.split())})[0-9]{{2}}(?: ?[0-9A-Z]){{{length - 4}}}"
        for length, countries in _IBAN_LENGTHS.items()
    )
    + r")(?![0-9A-Za-z])",
    re.IGNORECASE,
)


def scrub(text: str) -> str:
    """`text` with a mark, such as `[card]`, in place of everything that must not be read."""
    if len(text) < 6:  # `a@b.co` is the shortest there is
        return text
    lower = text.lower()
    may_hold_token = "bearer" in lower or "k_" in text or "whsec_" in text or "eyJ" in text
    if not may_hold_token and _HARMLESS.fullmatch(text):
        return text
    # The order matters: a URL's `password@host` looks like an e-mail address.
    if "@" in text:
        text = _URL_PASSWORD.sub(r"\1[redacted]@", text)
    if may_hold_token:
        text = _JWT.sub("[jwt]", text)
    if ":" in text or "=" in text:
        text = _HEADER.sub(r"\1\2[redacted]", text)
        text = _NAMED.sub(r"\1[redacted]", text)
    if may_hold_token:
        text = _BEARER.sub(r"\1[redacted]", text)
        text = _KEY.sub("[key]", text)
    if "@" in text:
        text = _EMAIL.sub("[email]", text)
    if _IBAN_START.search(text):
        text = _IBAN.sub(_mask_iban, text)
    if _DIGITS.search(text):
        text = _CARD.sub(_mask_cards, text)
    return text


def is_card_number(digits: str) -> bool:
    """13 to 19 digits that pass the Luhn check (ISO/IEC 7812-1).

    A leading 0 is no issuer. A leading 1 is airlines alone (UATP, 15 digits): without that rule
    every tenth timestamp in milli-, micro- or nanoseconds would be taken for a card.
    """
    if not 13 <= len(digits) <= 19 or digits[0] == "0" or (digits[0] == "1" and len(digits) != 15):
        return False
    total = sum(map(int, digits[-1::-2]))
    total += sum(_DOUBLED[int(digit)] for digit in digits[-2::-2])
    return total % 10 == 0


_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)  # the digit sum of twice the digit


def is_iban(text: str) -> bool:
    """Letters and digits, no spaces, that pass the mod-97 check (ISO 13616)."""
    return int("".join(str(int(char, 36)) for char in text[4:] + text[:4])) % 97 == 1


def _mask_iban(match: re.Match[str]) -> str:
    text = match[0].replace(" ", "")
    return "[iban]" if is_iban(text) else match[0]


def _mask_cards(match: re.Match[str]) -> str:
    """Mask every stretch of whole digit groups that is a card number.

    `no. 12 4111 1111 1111 1111` is one run of 18 digits; the card is its last four groups.
    """
    run = match[0]
    if run.isdigit():
        return "[card]" if is_card_number(run) else run
    if not run.replace("-", "").replace(" ", "").isdigit() or _is_uuid(run):
        return run
    groups = [(group[0], *group.span()) for group in re.finditer(r"[0-9]+", run)]
    masked, position, first = "", 0, 0
    while first < len(groups):
        last = _card_end(groups, first)
        if last is not None:
            masked += run[position : groups[first][1]] + "[card]"
            position, first = groups[last][2], last
        first += 1
    return masked + run[position:]


def _card_end(groups: list[tuple[str, int, int]], first: int) -> int | None:
    """The last group of the longest card number that begins with group `first`."""
    digits, found = "", None
    for i in range(first, len(groups)):
        digits += groups[i][0]
        if len(digits) > 19:
            break
        if is_card_number(digits):
            found = i
    return found


def _is_uuid(text: str) -> bool:
    return len(text) == 36 and [len(part) for part in text.split("-")] == [8, 4, 4, 4, 12]
