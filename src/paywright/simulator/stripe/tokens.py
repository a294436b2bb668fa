"""Which payment methods, amounts and accounts go wrong, and how. Pure.

Payment methods, by Stripe's documentation on testing (docs.stripe.com/testing):

- `pm_card_visa`, `pm_card_mastercard`, … and `pm_card_<country>` pay
- `pm_card_chargeDeclined`, `pm_card_visa_chargeDeclinedInsufficientFunds`, … are declined
- `pm_card_authenticationRequired` wants the customer; off session that is a decline

And of our own:

- `pm_simulator_decline_<decline_code>` is declined with that code
- `pm_simulator_processing` is `processing` and then succeeds, `pm_simulator_processing_fails` fails

A refund whose amount ends with 77 is pending for a while; where it ends with 78 it fails. A payout
from `acct_simulator_closed` fails, and `acct_simulator_missing` does not exist.
"""

import re
from datetime import timedelta
from typing import Literal

import msgspec

LATER = timedelta(seconds=2)  # how long what is to wait waits, unless a knob says otherwise
CLOSED_ACCOUNT = "acct_simulator_closed"
MISSING_ACCOUNT = "acct_simulator_missing"
DECLINED_BY_DICE = "generic_decline"

_CARDS = {
    "pm_card_visa": ("visa", "4242"),
    "pm_card_visa_debit": ("visa", "5556"),
    "pm_card_mastercard": ("mastercard", "4444"),
    "pm_card_mastercard_debit": ("mastercard", "3222"),
    "pm_card_mastercard_prepaid": ("mastercard", "5100"),
    "pm_card_amex": ("amex", "8431"),
    "pm_card_discover": ("discover", "1117"),
    "pm_card_diners": ("diners", "3220"),
    "pm_card_jcb": ("jcb", "0505"),
    "pm_card_unionpay": ("unionpay", "0005"),
}
_DECLINED = re.compile(r"pm_card_(?:visa_|mastercard_)?chargeDeclined(\w*)")
_BY_NAME = {
    "": "generic_decline",
    "InsufficientFunds": "insufficient_funds",
    "LostCard": "lost_card",
    "StolenCard": "stolen_card",
    "ExpiredCard": "expired_card",
    "IncorrectCvc": "incorrect_cvc",
    "ProcessingError": "processing_error",
    "VelocityLimitExceeded": "card_velocity_exceeded",
    "Fraudulent": "fraudulent",
}
_ALWAYS = {
    "pm_card_authenticationRequired": "authentication_required",
    "pm_card_radarBlock": "fraudulent",
}
_BY_CODE = re.compile(r"pm_simulator_decline_([a-z0-9_]{1,60})")
_COUNTRY = re.compile(r"pm_card_[a-z]{2}")

# Codes of an error that are the decline code itself; all others are `card_declined`.
_OWN_CODE = {
    *("authentication_required", "expired_card", "incorrect_cvc", "incorrect_number"),
    *("incorrect_zip", "invalid_cvc", "invalid_number", "processing_error"),
    *("invalid_expiry_month", "invalid_expiry_year"),
}
_MESSAGES = {
    "authentication_required": "Your card was declined. This transaction requires authentication.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "insufficient_funds": "Your card has insufficient funds.",
    "processing_error": "An error occurred while processing your card.",
}
_NEVER_AGAIN = {
    *("fraudulent", "lost_card", "pickup_card", "restricted_card", "stolen_card"),
    *("revocation_of_authorization", "revocation_of_all_authorizations", "stop_payment_order"),
}
_CHECK_DATA = {"expired_card", "incorrect_cvc", "incorrect_number", "incorrect_zip", "invalid_cvc"}
# ISO 8583 field 39, as Visa uses it.
_NETWORK_CODES = {
    "card_velocity_exceeded": "65",
    "expired_card": "54",
    "fraudulent": "59",
    "incorrect_cvc": "N7",
    "incorrect_number": "14",
    "insufficient_funds": "51",
    "lost_card": "41",
    "pickup_card": "04",
    "processing_error": "96",
    "authentication_required": "1A",
    "stolen_card": "43",
}


class MethodVerdict(msgspec.Struct, frozen=True):
    """`after` is for how long the charge is only pending."""

    kind: Literal["charged", "wants_customer"]
    decline_code: str | None = None
    after: timedelta = timedelta(0)


def judge_method(
    method: str, *, off_session: bool, settle_after: timedelta, is_declined: bool
) -> MethodVerdict | None:
    """What becomes of a charge. None: there is no such payment method.

    is_declined: the dice have fallen against it
    """
    if method == "pm_card_authenticationRequired" and not off_session:
        return MethodVerdict("wants_customer")
    if (decline_code := _decline_of(method)) is not None:
        return MethodVerdict("charged", decline_code)
    by_dice = DECLINED_BY_DICE if is_declined else None
    later = settle_after or LATER
    if method == "pm_simulator_processing":
        return MethodVerdict("charged", by_dice, later)
    if method == "pm_simulator_processing_fails":
        return MethodVerdict("charged", "generic_decline", later)
    if method in _CARDS or _COUNTRY.fullmatch(method):
        return MethodVerdict("charged", by_dice)
    return None


def _decline_of(method: str) -> str | None:
    """The code with which a charge of it is declined. None: it is not known for that."""
    if method in _ALWAYS:
        return _ALWAYS[method]
    if found := _DECLINED.fullmatch(method):
        return _BY_NAME.get(found[1])
    found = _BY_CODE.fullmatch(method)
    return None if found is None else found[1]


class RefundVerdict(msgspec.Struct, frozen=True):
    failure_reason: str | None = None
    after: timedelta = timedelta(0)


def judge_refund(amount: int, *, settle_after: timedelta) -> RefundVerdict:
    match amount % 100:
        case 77:
            return RefundVerdict(None, settle_after or LATER)
        case 78:
            return RefundVerdict("lost_or_stolen_card", settle_after)
    return RefundVerdict()


def card_of(method: str) -> tuple[str, str]:
    """Brand and last four digits."""
    return _CARDS.get(method, ("visa", "0002"))


def error_code(decline_code: str) -> str:
    return decline_code if decline_code in _OWN_CODE else "card_declined"


def decline_message(decline_code: str) -> str:
    return _MESSAGES.get(decline_code, "Your card was declined.")


def advice_code(decline_code: str) -> str:
    """docs.stripe.com/declines/codes: what to do about it."""
    if decline_code in _NEVER_AGAIN:
        return "do_not_try_again"
    return "confirm_card_data" if decline_code in _CHECK_DATA else "try_again_later"


def network_decline_code(decline_code: str) -> str:
    return _NETWORK_CODES.get(decline_code, "05")
