"""A bill that was entered before, and what lets it through nevertheless. Pure."""

import msgspec

from paywright.core.errors import Conflict, Problem
from paywright.core.ids import PaymentId
from paywright.payments.vendor.checks import wrong_reason
from paywright.payments.vendor.duplicates import Resemblance


class DuplicateBill(Conflict):
    """The bill resembles one that was entered before.

    `resembles` tells which, how much (`score`, from 0 to 1) and in what. If it is another bill all
    the same, send it again with `override`: the `payment_id` of the one that it resembles, and a
    reason, which stays on file. It may then need more approvals.
    """


class Override(msgspec.Struct, frozen=True):
    """The bill that this one resembles, and why it is another one."""

    resembles: PaymentId
    reason: str


def unexplained(found: Resemblance | None, override: Override | None) -> Problem | None:
    """Refuses a bill that resembles another, unless somebody has looked at that very one."""
    if override is not None and (wrong := wrong_reason(override.reason, "override.reason")):
        return wrong
    if found is None or (override is not None and override.resembles == found.payment_id):
        return None
    named = f", bill {found.bill_number}" if found.bill_number else ""
    return DuplicateBill(
        f"it resembles {found.payment_id}{named}, {found.amount}, of {found.created_at:%Y-%m-%d}",
        resembles={
            "payment_id": str(found.payment_id),
            "bill_number": found.bill_number,
            "amount_minor": found.amount.minor,
            "currency": found.amount.currency,
            "created_at": found.created_at,
            "status": found.status,
            "score": found.score,
            "reasons": found.reasons,
        },
    )
