"""Open a change, so that people can compare what it replaces with what comes."""

from paywright.core.beneficiary import Beneficiary
from paywright.crypto import KeyRing
from paywright.vendors import rules, sealing
from paywright.vendors.model import ChangeSeen, VendorChange


def opened(keys: KeyRing, change: VendorChange) -> tuple[Beneficiary, Beneficiary]:
    """Both payouts, in the clear: what it replaces, and what comes."""
    return (
        sealing.unseal(keys, change.vendor_id, change.payout_before),
        sealing.unseal(keys, change.vendor_id, change.payout),
    )


def change_seen(keys: KeyRing, change: VendorChange) -> ChangeSeen:
    before, after = opened(keys, change)
    return ChangeSeen(
        change=change,
        old=rules.seen(before),
        new=rules.seen(after),
        differs_in=rules.differing(before, after),
    )
