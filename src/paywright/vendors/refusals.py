"""Why a vendor, or a change of where its money goes, is refused."""

from paywright.core.errors import Conflict, Invalid, NotFound


class NoSuchVendor(NotFound):
    """There is no such vendor."""


class NoSuchVendorChange(NotFound):
    """There is no such change of a vendor's payout details."""


class VendorNameInvalid(Invalid):
    """The name cannot be that of a vendor.

    It has 1 to 140 printable characters. What is not seen, as marks that turn the direction of
    writing, is refused: such a name reads as another.
    """


class PayoutInvalid(Invalid):
    """The payout details are not those of an account that can be paid.

    They have a `name` (of the account's holder), the `bank` that sends the money (one of the
    providers that are set up, or `bank_files`), and either an `iban`, or an `account_number` with
    the `bic` of its bank, or, for a provider that keeps accounts itself, a `provider_account`.
    """


class PayoutMissing(Invalid):
    """A new vendor needs payout details.

    Only for a vendor that is on file may `payout` be left out.
    """


class PayoutDiffers(Conflict):
    """The payout details of a vendor are not changed so.

    They differ from those on file, and where money goes only changes when somebody else approves
    it: ask for the change with `POST /api/v1/vendors/{vendor_id}/payout-changes`. Nothing was
    changed. `fields` names what differs. Everything else may be changed here; leave `payout` out.
    """


class PayoutUnchanged(Invalid):
    """These are the payout details that are on file."""


class VendorNotActive(Conflict):
    """The vendor is blocked.

    Where its money goes is not changed meanwhile. `POST /api/v1/vendors/{vendor_id}/unblock`
    comes first.
    """


class ChangePending(Conflict):
    """Another change of this vendor's payout details waits for approval.

    `change_id` names it. Have it approved, rejected or withdrawn first.
    """


class ChangeNotPending(Conflict):
    """The change does not wait for approval any more.

    Somebody else was first, or its time was over. `change_status` says how it ended.
    """


class ChangeDiffers(Conflict):
    """The change is not what was looked at.

    Look at it again: `GET /api/v1/vendor-changes/{change_id}`. An approval is bound to the
    `content_hash` there.
    """
