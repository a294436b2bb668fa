"""How a customer's standing moves, and when a provider is asked again. Pure."""

from datetime import datetime, timedelta

from paywright.core.backoff import RetryPolicy, next_attempt_at
from paywright.core.errors import Invalid
from paywright.core.ids import CheckId
from paywright.kyc.model import Check, KycStatus, Standing

# Our own choice: the law asks for "up to date" data, by risk (EU Directive 2015/849, article 13).
VALID_FOR = timedelta(days=730)
REASON_MAX = 500  # characters; the schema says so, too
# How long the job that was enqueued with a check has, before the schedule asks in its place.
PATIENCE = timedelta(seconds=30)
_ASKING = RetryPolicy(
    attempts_max=2**31, delay_first=timedelta(seconds=4), delay_max=timedelta(hours=1)
)


class NotDecidableByHand(Invalid):
    """A person can verify, reject or take back a verification, and says why."""


def status_while_asking(before: KycStatus, *, is_same_subject: bool) -> KycStatus:
    """Where a customer stands while a new check is open.

    One who was verified stays so, or asking again would punish those who are asked; but not under
    another name. One who was rejected stays so until somebody has decided otherwise.
    """
    if before == KycStatus.VERIFIED and is_same_subject:
        return KycStatus.VERIFIED
    return KycStatus.REJECTED if before == KycStatus.REJECTED else KycStatus.PENDING


def status_without_verdict(before: KycStatus) -> KycStatus:
    """Where a customer stands when a check has ended and has said nothing."""
    return KycStatus.UNVERIFIED if before == KycStatus.PENDING else before


def moved(
    standing: Standing, status: KycStatus, *, at: datetime, check: Check | None = None
) -> Standing:
    """The standing in its new status. check: what has decided it, if something has

    A verification that nothing has decided anew keeps its end and its subject.
    """
    if status == standing.status and check is None:
        return standing
    is_verified = status == KycStatus.VERIFIED
    return Standing(
        customer_id=standing.customer_id,
        status=status,
        since=standing.since if status == standing.status else at,
        check_id=standing.check_id if check is None else check.id,
        expires_at=check.expires_at if check and is_verified else None,
        subject_index=check.subject_index if check and is_verified else None,
    )


def check_by_hand(status: KycStatus, reason: str) -> None:
    """Raises NotDecidableByHand."""
    if status == KycStatus.PENDING:
        raise NotDecidableByHand.field("status", "must be verified, rejected or unverified")
    if not 1 <= len(reason) <= REASON_MAX or "\0" in reason:
        raise NotDecidableByHand.field("reason", f"must have 1 to {REASON_MAX} characters")


def expiry_of(status: KycStatus, *, decided_at: datetime) -> datetime | None:
    return decided_at + VALID_FOR if status == KycStatus.VERIFIED else None


def next_asked_at(check: Check, *, at: datetime, retry_after_s: float | None = None) -> datetime:
    """When to ask again after an attempt that has decided nothing. It is never given up: a person
    may decide any time."""
    then = next_attempt_at(
        _ASKING, attempt=check.attempts + 1, failed_at=at, jitter=_jitter(check.id)
    )
    earliest = at + timedelta(seconds=retry_after_s or 0)
    return max(earliest, then or earliest)


def _jitter(check_id: CheckId) -> float:
    """Uniform in [0, 1): the id has been rolled already."""
    return (check_id.int & 0xFFFF) / 0x10000
