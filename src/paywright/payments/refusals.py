"""Why a payment is not made, for reasons that are not the ledger's."""

from paywright.core.errors import Conflict, Invalid, NotFound


class PaymentDeclined(Invalid):
    """The payment was declined.

    No money moved, and none will under this key. `payment_id` is on file as `declined`; who may
    read risk assessments sees there why. What stopped it is not told to whom it stopped.
    """


class OtpRequired(Invalid):
    """The payment needs a one-time code, and cannot wait for one here.

    Send it alone, as a transfer with an idempotency key of its own. A hold, and an element of a
    batch that has no key or is linked to others, cannot wait.
    """


class OtpNotAsked(Invalid):
    """There is no payment that waits for a one-time code under this key.

    Send the request without `otp` first: the answer says whether a code is needed.
    """


class PaymentNotWaiting(Conflict):
    """The payment does not wait for a code any more.

    It was canceled or declined meanwhile. Nothing was changed; for a new attempt, use a new key.
    """


class HoldOfPayment(Conflict):
    """The hold belongs to a payment that is on its way to another bank.

    It is posted or released when the bank has answered, and by nobody else.
    """


class BankUnknown(Invalid):
    """No money can be sent through this bank.

    Leave `beneficiary.bank` out for the bank that is set up, and see that the platform has an
    account with it in the currency.
    """


class NoSuchPayment(NotFound):
    """There is no payment of this id."""
