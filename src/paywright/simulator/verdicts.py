"""What the simulated bank and the simulated KYC provider say, and how to make them say it. Pure.

The bank settles a payment unless one of these tells it otherwise:

- the creditor's name ends with a reason code: `Nordlicht Bau GmbH AC04` is rejected with AC04
- the IBAN or account number ends with `9999` and four digits of `ACCOUNT_SUFFIXES`
- the amount is one of `AMOUNTS`
- the name ends with `Later`: accepted, and settled after `LATER`
- the name ends with `Returned`: accepted, and rejected with AC04 after `LATER`

The KYC provider verifies unless the name ends with `Reject` (rejected at once), `Pending` (pending,
then verified), `Doubt` (pending, then rejected) or `Forever` (pending for good).
"""

import re
from datetime import timedelta
from typing import Literal

import msgspec

LATER = timedelta(seconds=2)

# ISO 20022 external code set, status reasons (ExternalStatusReason1Code).
REASONS = {
    "AC01": "the account number is incorrect",
    "AC04": "the account is closed",
    "AC06": "the account is blocked",
    "AG01": "transactions are forbidden on this account",
    "AM03": "the account is not held in this currency",
    "AM04": "insufficient funds",
    "AM14": "the amount exceeds what was agreed",
    "BE04": "the creditor's address is missing",
    "MS03": "no reason was given",
    "RC01": "the bank is not known",
    "RR04": "refused for regulatory reasons",
}

ACCOUNT_SUFFIXES = {"99990104": "AC01", "99990404": "AC04", "99990604": "AC06", "99991101": "RC01"}
AMOUNTS = {6_666_604: "AM04", 6_666_614: "AM14"}  # minor units, of any currency

_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")


class BankVerdict(msgspec.Struct, frozen=True):
    """`after` is for how long the payment is only accepted."""

    status: Literal["settled", "rejected"]
    reason_code: str | None = None
    after: timedelta = timedelta(0)


class KycVerdict(msgspec.Struct, frozen=True):
    """`after` is for how long the check is pending; None: for good."""

    status: Literal["verified", "rejected"]
    reason: str | None = None
    after: timedelta | None = timedelta(0)


def judge_payment(
    *, name: str, account: str, amount_minor: int, settle_after: timedelta, is_declined: bool
) -> BankVerdict:
    """account: the IBAN, or the account number at its bank"""
    last = _last_word(name)
    code = AMOUNTS.get(amount_minor) or ACCOUNT_SUFFIXES.get(account[-8:])
    code = code or (last if last in REASONS else None) or ("MS03" if is_declined else None)
    if code is not None:
        return BankVerdict("rejected", code)
    if last == "Returned":
        return BankVerdict("rejected", "AC04", max(LATER, settle_after))
    return BankVerdict(
        "settled", None, max(LATER, settle_after) if last == "Later" else settle_after
    )


def judge_customer(*, name: str, decide_after: timedelta, is_declined: bool) -> KycVerdict:
    match _last_word(name):
        case "Reject":
            return KycVerdict("rejected", "document_expired")
        case "Pending":
            return KycVerdict("verified", None, decide_after)
        case "Doubt":
            return KycVerdict("rejected", "document_forged", decide_after)
        case "Forever":
            return KycVerdict("verified", None, None)
    if is_declined:
        return KycVerdict("rejected", "no_reason_given")
    return KycVerdict("verified")


def is_iban(text: str) -> bool:
    """Whether country, length and check digits are right (ISO 13616, modulo 97)."""
    if not _IBAN.fullmatch(text):
        return False
    return int("".join(str(int(char, 36)) for char in text[4:] + text[:4])) % 97 == 1


def _last_word(name: str) -> str:
    return name.rsplit(maxsplit=1)[-1] if name.split() else ""
