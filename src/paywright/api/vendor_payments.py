"""Vendor payments over HTTP: enter them, look at them, edit them."""

from datetime import datetime
from typing import Annotated, Any

from litestar import Request, Response, get, patch, post
from litestar.params import Parameter

from paywright.api import vendor_payment_decisions
from paywright.api.answers import respond
from paywright.api.hot import Desk, HotRoute
from paywright.api.requests import END, in_our_time, one_key, read_body, read_id
from paywright.api.transfers import KeyHeader
from paywright.api.vendor_payment_lists import (
    PaymentAuditPage,
    PendingPayment,
    PendingPaymentPage,
    VendorPaymentListed,
    VendorPaymentPage,
    audit_entry,
)
from paywright.api.vendor_payment_requests import (
    VendorPaymentPatch,
    VendorPaymentRequest,
    changes_of,
    new_payment,
    override_of,
)
from paywright.api.vendor_payment_views import (
    VendorPaymentDetails,
    VendorPaymentView,
    payment_view,
)
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.ids import PaymentId
from paywright.core.money import MINOR_MAX
from paywright.payments.model import PaymentStatus
from paywright.payments.orders import Answered
from paywright.payments.vendor.edit import edit_payment
from paywright.payments.vendor.views import (
    Filters,
    get_details,
    list_audit,
    list_pending,
    list_vendor_payments,
)
from paywright.wiring import App

Cursor = Annotated[str | None, Parameter(max_length=200)]
Limit = Annotated[int, Parameter(ge=1, le=200)]
Minor = Annotated[int | None, Parameter(ge=1, le=MINOR_MAX)]


async def submit_vendor_payment(
    desk: Desk, cause: Cause, body: VendorPaymentRequest, key: str | None
) -> Answered:
    asked = new_payment(cause, body, key=one_key(key, body.idempotency_key))
    return await desk.bills.submit(asked)


HOT = {
    "/api/v1/vendor-payments": HotRoute(
        Permission.CREATE_PAYMENTS, VendorPaymentRequest, submit_vendor_payment
    ),
}


@post(
    "/vendor-payments",
    status_code=201,
    opt={"permission": Permission.CREATE_PAYMENTS, "body": VendorPaymentRequest},
)
async def create_vendor_payment(
    request: Request[Any, Any, Any], cause: Cause, key: KeyHeader = None
) -> Response[VendorPaymentView]:
    """Enter a bill that a vendor is to be paid.

    It waits for the approval of others, `approvals_needed` of them. One that resembles a bill on
    file is refused (409 `duplicate-bill`) until `override` names that bill and says why this is
    another one. Only one payment is open for an incident and a vendor (409 `payment-open`). The
    same request with the same key again gets the same answer.
    """
    body: VendorPaymentRequest = await read_body(request, VendorPaymentRequest)
    answered = await submit_vendor_payment(request.app.state.desk, cause, body, key)
    return respond(answered.answer, replayed=answered.replayed)


@get("/vendor-payments", opt={"permission": Permission.READ_PAYMENTS})
async def get_vendor_payments(
    app: App,
    cause: Cause,
    status: PaymentStatus | None = None,
    vendor_id: Annotated[str | None, Parameter(pattern=r"^[A-Za-z0-9_-]{1,64}" + END)] = None,
    incident_id: Annotated[str | None, Parameter(pattern=r"^[A-Za-z0-9_.:-]{1,64}" + END)] = None,
    created_after: datetime | None = None,
    created_before: datetime | None = None,
    currency: Annotated[str | None, Parameter(pattern=r"^[A-Z]{3}" + END)] = None,
    amount_min_minor: Minor = None,
    amount_max_minor: Minor = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> VendorPaymentPage:
    """List vendor payments, newest first. Amounts need a `currency`."""
    after, before = created_after, created_before
    filters = Filters(
        status=status,
        vendor_id=vendor_id,
        incident_id=incident_id,
        created_after=None if after is None else in_our_time("created_after", after),
        created_before=None if before is None else in_our_time("created_before", before),
        currency=currency,
        amount_min_minor=amount_min_minor,
        amount_max_minor=amount_max_minor,
    )
    page = await list_vendor_payments(app.db, cause, filters=filters, cursor=cursor, limit=limit)
    return VendorPaymentPage([VendorPaymentListed.of(it) for it in page.items], page.next_cursor)


@get("/vendor-payments/pending", opt={"permission": Permission.READ_PAYMENTS})
async def get_pending_payments(
    app: App, cause: Cause, cursor: Cursor = None, limit: Limit = 50
) -> PendingPaymentPage:
    """What waits for approval, the oldest first."""
    page = await list_pending(app.db, cause, cursor=cursor, limit=limit)
    return PendingPaymentPage([PendingPayment.of(it, cause) for it in page.items], page.next_cursor)


@get("/vendor-payments/{payment_id:str}", opt={"permission": Permission.READ_PAYMENTS})
async def get_one_vendor_payment(app: App, cause: Cause, payment_id: str) -> VendorPaymentDetails:
    """One vendor payment: what is paid for, who has approved it, and what became of it."""
    found = await get_details(app.db, cause, payment_id=_id(payment_id))
    return VendorPaymentDetails.told(found)


@patch(
    "/vendor-payments/{payment_id:str}",
    opt={"permission": Permission.CREATE_PAYMENTS, "body": VendorPaymentPatch},
)
async def patch_vendor_payment(
    request: Request[Any, Any, Any], app: App, cause: Cause, payment_id: str
) -> VendorPaymentView:
    """Edit a payment that waits for approval.

    Send the fields that change, and the `content_hash` of what you have seen: if it has changed
    since, it is refused (409 `payment-changed`). Approvals that it had count for nothing, and you
    may not approve it.
    """
    body: VendorPaymentPatch = await read_body(request, VendorPaymentPatch)
    edited = await edit_payment(
        app.db,
        app.approval_rules,
        app.vendor_terms,
        cause,
        payment_id=_id(payment_id),
        seen=bytes.fromhex(body.content_hash),
        changes=changes_of(body),
        override=override_of(body.override),
    )
    return payment_view(edited)


@get("/vendor-payments/{payment_id:str}/audit", opt={"permission": Permission.READ_EVENTS})
async def get_payment_audit(
    app: App, cause: Cause, payment_id: str, cursor: Cursor = None, limit: Limit = 50
) -> PaymentAuditPage:
    """Everything that was done to a payment, the first first: by whom, from where, what changed."""
    page = await list_audit(app.db, cause, payment_id=_id(payment_id), cursor=cursor, limit=limit)
    return PaymentAuditPage([audit_entry(it) for it in page.items], page.next_cursor)


def _id(text: str) -> PaymentId:
    return read_id(PaymentId, text, field="payment_id")


ROUTES = [
    create_vendor_payment,
    get_vendor_payments,
    get_pending_payments,
    get_one_vendor_payment,
    patch_vendor_payment,
    get_payment_audit,
    *vendor_payment_decisions.ROUTES,
]
