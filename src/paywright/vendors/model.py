"""The nouns of vendors."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from paywright.approvals.model import Vote
from paywright.core.beneficiary import Beneficiary
from paywright.core.ids import VendorChangeId

# The provider of what leaves in a file for a bank: nobody that can be called.
BANK_FILES = "bank_files"


class VendorStatus(StrEnum):
    ACTIVE = "active"
    BLOCKED = "blocked"  # nothing is paid to it, and nothing new entered


class PayoutMode(StrEnum):
    IMMEDIATE = "immediate"  # as soon as it is approved
    RUN = "run"  # with the next payment run


class ChangeStatus(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Payable(msgspec.Struct, frozen=True, kw_only=True):
    """What payments have to know of a vendor.

    payout:         where its money goes, encrypted: `sealing.unseal` opens it
    payout_version: of it; what was approved for one is not approved for another
    paused_until:   nothing leaves before; None: nothing is paused
    """

    id: str
    name: str
    status: VendorStatus
    payout: bytes
    payout_masked: str
    payout_version: int
    payout_changed_at: datetime
    payout_mode: PayoutMode
    paused_until: datetime | None
    terms_days: int | None
    created_at: datetime

    def is_paused(self, at: datetime) -> bool:
        return self.paused_until is not None and self.paused_until > at


class Vendor(Payable, frozen=True, kw_only=True):
    """A vendor as it is on file. status_reason: why it was blocked, or is active again"""

    status_reason: str | None
    created_by: str
    updated_at: datetime


class VendorChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change of where a vendor's money goes.

    payout_before, payout_version: what it replaces, and the version of that
    content_hash:  what an approval is bound to
    paused_before: until when the vendor was paused without it
    requested_by:  the person; requested_as: by which credential
    expires_at:    nobody can approve it from then on
    """

    id: VendorChangeId
    vendor_id: str
    status: ChangeStatus
    payout: bytes
    payout_masked: str
    payout_before: bytes
    payout_version: int
    paused_before: datetime | None
    content_hash: bytes
    reason: str
    requested_by: str
    requested_as: str
    requested_at: datetime
    expires_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    decided_why: str | None = None


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of a vendor. payout: None: that which is on file"""

    id: str
    name: str
    payout: Beneficiary | None
    payout_mode: PayoutMode = PayoutMode.IMMEDIATE
    terms_days: int | None = None


class PayoutSeen(msgspec.Struct, frozen=True, kw_only=True):
    """Where money goes, as people may see it. name: of the account's holder"""

    name: str
    bank: str
    account_masked: str
    bic: str | None
    country: str | None


class ChangeSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A change as approvers compare it.

    differs_in: the fields that are not the same: two accounts may look alike when masked
    """

    change: VendorChange
    old: PayoutSeen
    new: PayoutSeen
    differs_in: tuple[str, ...]


class ChangeWeighed(ChangeSeen, frozen=True, kw_only=True):
    """The same with what else an approver wants to know.

    votes:               those that count
    approvals_needed:    in all; approvals_missing: still
    shares_account_with: other vendors that have the new account
    """

    votes: Sequence[Vote]
    approvals_needed: int
    approvals_missing: int
    shares_account_with: tuple[str, ...]


class VendorSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A vendor, with what is going on with it. shares_account_with: other vendors that have the
    same account"""

    vendor: Vendor
    payout: PayoutSeen
    pending_change: VendorChange | None
    shares_account_with: tuple[str, ...]
