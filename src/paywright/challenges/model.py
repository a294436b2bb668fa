"""What a challenge is: who must confirm which payment, how, and by when."""

from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

import msgspec

from paywright.core.ids import ChallengeId
from paywright.notifications.model import Channel


class Status(StrEnum):
    """Only an open challenge can be answered; the other statuses are final."""

    OPEN = "open"
    PASSED = "passed"
    LOCKED = "locked"
    EXPIRED = "expired"
    VOID = "void"


class Method(StrEnum):
    OTP = "otp"  # a code that we send
    TOTP = "totp"  # a code of the subject's authenticator app


class Binding(msgspec.Struct, frozen=True):
    """What a code is good for.

    amount_minor: minor units
    payee:        an account id, or the account of a beneficiary at another bank
    payer:        told to nobody; kept as evidence
    """

    payment_id: UUID
    amount_minor: int
    currency: str
    payee: str
    payer: str

    def confirms(self, other: "Binding") -> bool:
        """Whether a code for `other` is one for this, too: the payment, and what the payer was
        shown of it. Source: PSD2 RTS (EU) 2018/389, article 5, dynamic linking."""
        mine = (self.payment_id, self.amount_minor, self.currency, self.payee)
        return mine == (other.payment_id, other.amount_minor, other.currency, other.payee)


class Subject(msgspec.Struct, frozen=True, order=True):
    """Who is asked. `id`: of a customer, the caller's own; of a user, `usr_…`."""

    kind: Literal["customer", "user"]
    id: str


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """A challenge, without anything that is secret."""

    id: ChallengeId
    payment_id: UUID
    subject: Subject
    method: Method
    channel: Channel | None
    status: Status
    expires_at: datetime
    tries_left: int
    resends_left: int


class Passed(msgspec.Struct, frozen=True):
    """The code was right, and is used up."""

    id: ChallengeId
    method: Method
