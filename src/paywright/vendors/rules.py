"""What a vendor and its payout details may be, and how long nothing is paid to it. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from paywright.core.beneficiary import Beneficiary, BeneficiaryInvalid, checked, masked
from paywright.core.errors import FieldError
from paywright.gateway.model import OrderKind, Provider
from paywright.vendors.model import BANK_FILES, PayoutSeen
from paywright.vendors.refusals import PayoutInvalid, VendorNameInvalid

# A change that nobody approves for so long is not wanted, and pauses the vendor for nothing.
CHANGE_LIFE = timedelta(days=14)
_NAME_MAX = 140  # of a creditor's name in ISO 20022, `Max140Text`


def checked_name(name: str) -> str:
    """The same without stray spaces. Raises VendorNameInvalid."""
    tidy = " ".join(name.split())
    if not 0 < len(tidy) <= _NAME_MAX or not tidy.isprintable():
        raise VendorNameInvalid.field("name", f"must have 1 to {_NAME_MAX} printable characters")
    return tidy


def checked_payout(payout: Beneficiary, providers: Mapping[str, Provider]) -> Beneficiary:
    """The same, with numbers as banks write them, if somebody can pay to it.

    Raises PayoutInvalid, naming the field.
    """
    try:
        sound = checked(payout)
    except BeneficiaryInvalid as problem:
        raise _invalid(problem) from None
    if sound.iban is not None and sound.country != sound.iban[:2]:
        raise PayoutInvalid.field("payout.country", f"the iban is of {sound.iban[:2]}")
    _check_bank(sound, providers)
    return sound


def _invalid(problem: BeneficiaryInvalid) -> PayoutInvalid:
    errors = problem.extra["errors"]
    assert isinstance(errors, list)  # noqa: S101 - `checked` names the field, always
    wrong: FieldError = errors[0]
    return PayoutInvalid.field(f"payout.{wrong.field.rpartition('.')[2]}", wrong.message)


def _check_bank(payout: Beneficiary, providers: Mapping[str, Provider]) -> None:
    paying = {name: it for name, it in providers.items() if OrderKind.PAYOUT in it.handles}
    if payout.bank != BANK_FILES and payout.bank not in paying:
        there = ", ".join(sorted([*paying, BANK_FILES]))
        raise PayoutInvalid.field("payout.bank", f"is none of those that money leaves by: {there}")
    keeps = payout.bank in paying and paying[payout.bank].pays_own_accounts
    if keeps and payout.provider_account is None:
        raise PayoutInvalid.field("payout.provider_account", f"is needed with {payout.bank}")
    if not keeps and payout.provider_account is not None:
        raise PayoutInvalid.field("payout.provider_account", f"says nothing to {payout.bank}")


def differing(before: Beneficiary, after: Beneficiary) -> tuple[str, ...]:
    """The fields that are not the same."""
    fields = Beneficiary.__struct_fields__
    return tuple(name for name in fields if getattr(before, name) != getattr(after, name))


def seen(payout: Beneficiary) -> PayoutSeen:
    """What people may see of it."""
    return PayoutSeen(
        name=payout.name,
        bank=payout.bank,
        account_masked=masked_account(payout),
        bic=payout.bic,
        country=payout.country,
    )


def masked_account(payout: Beneficiary) -> str:
    """Enough to recognise an account that one knows; of a short number, less."""
    number = payout.iban or payout.provider_account or payout.account_number or ""
    return masked(number) if len(number) > 8 else f"…{number[-2:]}"


def paused_by_request(paused_until: datetime | None, *, expires_at: datetime) -> datetime:
    """Until when nothing leaves, once a change was asked for."""
    return expires_at if paused_until is None else max(paused_until, expires_at)


def paused_by_approval(
    paused_before: datetime | None, *, at: datetime, pause: timedelta
) -> datetime | None:
    """Until when nothing leaves, once it was approved; `paused_before` as before the request."""
    until = at + pause if pause else None
    times = [it for it in (until, paused_before) if it is not None and it > at]
    return max(times, default=None)
