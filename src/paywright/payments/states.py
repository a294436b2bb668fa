"""Which status of a payment may follow which. Pure; every change of a status asks here."""

from paywright.payments.model import PaymentStatus as S

# A payment is made as one of these. A transfer between our own accounts is made `succeeded`.
FIRST = frozenset({S.PENDING_APPROVAL, S.REQUIRES_OTP, S.PROCESSING, S.SUCCEEDED, S.DECLINED})

TRANSITIONS: dict[S, frozenset[S]] = {
    S.PENDING_APPROVAL: frozenset({S.PROCESSING, S.REJECTED, S.CANCELED, S.DECLINED}),
    S.REQUIRES_OTP: frozenset({S.SUCCEEDED, S.PROCESSING, S.FAILED, S.DECLINED, S.CANCELED}),
    # Canceled: one that was approved, and taken back before it left.
    S.PROCESSING: frozenset({S.SUCCEEDED, S.FAILED, S.UNKNOWN, S.CANCELED}),
    # Never back to a fresh start: what was asked once is asked again under the same key, or not.
    S.UNKNOWN: frozenset({S.SUCCEEDED, S.FAILED}),
    S.SUCCEEDED: frozenset({S.REFUNDED, S.PARTIALLY_REFUNDED, S.DISPUTED}),
    S.PARTIALLY_REFUNDED: frozenset({S.REFUNDED, S.DISPUTED}),
    # A dispute that was won can be lost later, and a lost one reopened.
    S.DISPUTED: frozenset({S.SUCCEEDED, S.REFUNDED, S.PARTIALLY_REFUNDED}),
    S.FAILED: frozenset(),
    S.DECLINED: frozenset(),
    S.REJECTED: frozenset(),
    S.CANCELED: frozenset(),
    S.REFUNDED: frozenset(),
}


def may_follow(before: S, after: S) -> bool:
    return after in TRANSITIONS[before]


def is_final(status: S) -> bool:
    """Whether nothing of the payment itself is left to be done."""
    return status not in (S.PENDING_APPROVAL, S.REQUIRES_OTP, S.PROCESSING, S.UNKNOWN)
