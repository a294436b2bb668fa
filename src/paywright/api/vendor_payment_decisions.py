"""What is decided of vendor payments, over HTTP: approve, reject, cancel, repeat."""

from typing import Any

from litestar import Request, Response, post

from paywright.api.answers import respond
from paywright.api.requests import one_key, read_body, read_id
from paywright.api.transfers import KeyHeader
from paywright.api.vendor_payment_requests import (
    ApprovalsRequest,
    PaymentApprovalRequest,
    PaymentCancellation,
    PaymentRejectionRequest,
)
from paywright.api.vendor_payment_views import (
    ApprovalResults,
    VendorPaymentView,
    approval_results,
    payment_view,
    render_payment,
)
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import Problem
from paywright.core.ids import PaymentId
from paywright.payments.vendor.approve import approve_payments
from paywright.payments.vendor.cancel import cancel_payment
from paywright.payments.vendor.reject import reject_payment
from paywright.payments.vendor.repeat import repeat_payment
from paywright.payments.vendor.voting import Approving
from paywright.wiring import App


# Who may approve is not only who has the permission: somebody may have delegated it to the caller.
@post(
    "/vendor-payments/{payment_id:str}/approve",
    status_code=200,
    opt={"permission": Permission.READ_PAYMENTS, "body": PaymentApprovalRequest},
)
async def post_approval(
    request: Request[Any, Any, Any],
    app: App,
    cause: Cause,
    payment_id: str,
    key: KeyHeader = None,
) -> Response[VendorPaymentView]:
    """Approve a payment, as you have seen it.

    Needs `payments:approve`, or a delegation. Nobody approves what they have made (403
    `four-eyes`). With the last approval that is needed it is weighed for risk, the money is set
    aside, and it leaves.
    """
    body: PaymentApprovalRequest = await read_body(request, PaymentApprovalRequest)
    has_key = key is not None or body.idempotency_key is not None
    asked = Approving(
        cause=cause,
        payment_id=_id(payment_id),
        content_hash=bytes.fromhex(body.content_hash),
        comment=body.comment,
        key=one_key(key, body.idempotency_key) if has_key else None,
    )
    (told,) = await approve_payments(app.db, app.vendor_parts, [asked], render=render_payment)
    if isinstance(told, Problem):
        raise told
    return respond(told.answer, replayed=told.replayed)


@post(
    "/vendor-payments/approvals",
    status_code=200,
    opt={"permission": Permission.READ_PAYMENTS, "body": ApprovalsRequest},
)
async def post_approvals(
    request: Request[Any, Any, Any], app: App, cause: Cause
) -> Response[ApprovalResults]:
    """Approve up to 200 payments. Each is approved or refused on its own."""
    body: ApprovalsRequest = await read_body(request, ApprovalsRequest)
    asked = [
        Approving(
            cause=cause,
            payment_id=read_id(PaymentId, it.payment_id, field=f"approvals[{i}].payment_id"),
            content_hash=bytes.fromhex(it.content_hash),
            comment=it.comment,
        )
        for i, it in enumerate(body.approvals)
    ]
    told = await approve_payments(app.db, app.vendor_parts, asked, render=render_payment)
    return respond(approval_results(asked, told, path=request.url.path), replayed=False)


@post(
    "/vendor-payments/{payment_id:str}/reject",
    status_code=200,
    opt={"permission": Permission.READ_PAYMENTS, "body": PaymentRejectionRequest},
)
async def post_rejection(
    request: Request[Any, Any, Any], app: App, cause: Cause, payment_id: str
) -> VendorPaymentView:
    """Reject a payment, with a reason. One rejection ends it. Who may approve may reject."""
    body: PaymentRejectionRequest = await read_body(request, PaymentRejectionRequest)
    return payment_view(
        await reject_payment(app.db, cause, payment_id=_id(payment_id), reason=body.reason)
    )


@post(
    "/vendor-payments/{payment_id:str}/cancel",
    status_code=200,
    opt={"permission": Permission.CREATE_PAYMENTS, "body": PaymentCancellation},
)
async def post_cancellation(
    request: Request[Any, Any, Any], app: App, cause: Cause, payment_id: str
) -> VendorPaymentView:
    """Withdraw a payment that has not left. What was set aside for it is available again."""
    body: PaymentCancellation = await read_body(request, PaymentCancellation)
    return payment_view(
        await cancel_payment(app.db, cause, payment_id=_id(payment_id), reason=body.reason)
    )


@post(
    "/vendor-payments/{payment_id:str}/repeat",
    status_code=200,
    opt={"permission": Permission.CREATE_PAYMENTS},
)
async def post_repetition(app: App, cause: Cause, payment_id: str) -> VendorPaymentView:
    """Make a payment again that has failed, or was canceled: under a new id.

    Its approvals count again if nothing has changed since. Asked again, it is the same one.
    """
    return payment_view(
        await repeat_payment(app.db, app.vendor_parts, cause, payment_id=_id(payment_id))
    )


def _id(text: str) -> PaymentId:
    return read_id(PaymentId, text, field="payment_id")


ROUTES = [post_approval, post_approvals, post_rejection, post_cancellation, post_repetition]
