"""The nouns of KYC, and what a provider of checks may answer."""

from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from paywright.core.ids import CheckId

BY_HAND = "by_hand"


class KycStatus(StrEnum):
    UNVERIFIED = "unverified"
    PENDING = "pending"
    VERIFIED = "verified"
    REJECTED = "rejected"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One look at who a customer is, by a provider or by a person.

    provider:           its name, or `by_hand`
    provider_reference: its own name for the check; None until it has told us
    reason:             the provider's word for it, or what the person wrote
    subject_index:      which name and country were checked, see `subject.index_of`
    attempts:           how often the provider was asked
    expires_at:         of a check that verified
    """

    id: CheckId
    customer_id: str
    provider: str
    provider_reference: str | None = None
    status: KycStatus
    reason: str | None = None
    subject_index: bytes
    requested_at: datetime
    requested_by: str
    attempts: int = 0
    decided_at: datetime | None = None
    decided_by: str | None = None
    expires_at: datetime | None = None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a customer stands.

    since:         None for one about whom nothing was ever asked
    check_id:      of the check that has decided it
    expires_at:    of one who is verified
    subject_index: whom the verification was about
    """

    customer_id: str
    status: KycStatus
    since: datetime | None = None
    check_id: CheckId | None = None
    expires_at: datetime | None = None
    subject_index: bytes | None = None


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Who is to be checked, in the clear: only ever in memory."""

    customer_id: str
    name: str
    country: str | None


class Verdict(msgspec.Struct, frozen=True):
    """The provider has decided. reason: its word for it, `document_expired`"""

    reference: str
    is_verified: bool
    reason: str | None = None


class Underway(msgspec.Struct, frozen=True):
    """The provider has not decided yet."""

    reference: str


class Refused(msgspec.Struct, frozen=True):
    """The provider will not check this subject. Asking again would not help."""

    reason: str


class Forgotten(msgspec.Struct, frozen=True):
    """The provider does not know the check that we ask about."""


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """We do not know what happened. why: a word for it, `timeout`"""

    why: str
    retry_after_s: float | None = None


class KycProvider(Protocol):
    """One provider of checks. Neither call raises for what the network does."""

    name: str

    async def begin(
        self, subject: Subject, *, idempotency_key: str
    ) -> Verdict | Underway | Refused | Lost:
        """Have the subject checked. The same key again is the same check."""
        ...

    async def look_up(self, reference: str) -> Verdict | Underway | Forgotten | Lost:
        """What became of a check."""
        ...

    async def close(self) -> None:
        """Let go of the connections."""
        ...
