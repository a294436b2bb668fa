"""Codes that confirm payments: send one again, and set up authenticator apps."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, delete, post
from msgspec import Meta

from paywright.api.problems import InvalidRequest
from paywright.api.requests import NO_NUL, CustomerRef, read_body, read_id
from paywright.challenges.confirm_totp import confirm_totp
from paywright.challenges.model import Subject
from paywright.challenges.remove_totp import remove_totp
from paywright.challenges.request_totp import NewTotp, request_totp
from paywright.challenges.resend import resend_code
from paywright.challenges.totp_access import person
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.ids import PaymentId, UserId
from paywright.notifications.model import Channel
from paywright.wiring import App

Code = Annotated[
    str,
    Meta(
        min_length=1, max_length=32, pattern=NO_NUL, description="Six digits; spaces are ignored."
    ),
]
_Request = Request[Any, Any, Any]


class CodeRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: Code


class MaybeCodeRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: Code | None = None


class ResentView(msgspec.Struct, frozen=True, kw_only=True):
    """`recipient` is masked."""

    channel: Channel
    recipient: str
    expires_at: datetime
    resends_left: int


class TotpView(msgspec.Struct, frozen=True):
    """Shown this once. `otpauth_url` is what a QR code for an authenticator app says."""

    secret: str
    otpauth_url: str

    @classmethod
    def of(cls, it: NewTotp) -> "TotpView":
        return cls(it.secret, it.otpauth_url)


@post(
    "/transfers/{transfer_id:str}/otp",
    status_code=200,
    opt={"permission": Permission.MOVE_MONEY},
)
async def post_otp(app: App, cause: Cause, transfer_id: str) -> ResentView:
    """Send a new code for a transfer that waits for one: three times at most, 30 seconds apart.

    The code before it is void from then on. Wrong tries stay counted.
    """
    prefix, _, suffix = transfer_id.partition("_")
    text = f"pay_{suffix}" if prefix == "trf" else transfer_id
    payment_id = read_id(PaymentId, text, field="transfer_id")
    sent = await resend_code(app.db, app.keys, cause, payment_id=payment_id)
    return ResentView(
        channel=sent.channel,
        recipient=sent.recipient,
        expires_at=sent.expires_at,
        resends_left=sent.resends_left,
    )


@post(
    "/me/totp",
    status_code=201,
    opt={"permission": Permission.MANAGE_SELF, "body": MaybeCodeRequest},
)
async def post_my_totp(request: _Request, app: App, cause: Cause) -> TotpView:
    """Start to set up your authenticator app. The secret is shown this once.

    It counts when it is confirmed. To replace an app, send a `code` of it.
    """
    return await _request(request, app, cause, person(cause.actor))


@post(
    "/me/totp/confirm",
    status_code=204,
    opt={"permission": Permission.MANAGE_SELF, "body": CodeRequest},
)
async def confirm_my_totp(request: _Request, app: App, cause: Cause) -> None:
    """Finish setting up your authenticator app, with the first code it shows."""
    await _confirm(request, app, cause, person(cause.actor))


@delete(
    "/me/totp", status_code=204, opt={"permission": Permission.MANAGE_SELF, "body": CodeRequest}
)
async def delete_my_totp(request: _Request, app: App, cause: Cause) -> None:
    """Take your authenticator app away, with a code of it."""
    body: CodeRequest = await read_body(request, CodeRequest)
    await remove_totp(app.db, app.keys, cause, subject=person(cause.actor), code=body.code)


@delete("/users/{user_id:str}/totp", status_code=204, opt={"permission": Permission.MANAGE_USERS})
async def delete_user_totp(app: App, cause: Cause, user_id: str) -> None:
    """Reset somebody's authenticator app, without a code of it. Not your own."""
    subject = Subject("user", str(read_id(UserId, user_id, field="user_id")))
    await remove_totp(app.db, app.keys, cause, subject=subject, code=None)


@post(
    "/customers/{customer_id:str}/totp",
    status_code=201,
    opt={"permission": Permission.MANAGE_KYC, "body": MaybeCodeRequest},
)
async def post_customer_totp(
    request: _Request, app: App, cause: Cause, customer_id: str
) -> TotpView:
    """Start to set up a customer's authenticator app. The secret is shown this once.

    It counts when it is confirmed. To replace an app, send a `code` of it.
    """
    return await _request(request, app, cause, _customer(customer_id))


@post(
    "/customers/{customer_id:str}/totp/confirm",
    status_code=204,
    opt={"permission": Permission.MANAGE_KYC, "body": CodeRequest},
)
async def confirm_customer_totp(
    request: _Request, app: App, cause: Cause, customer_id: str
) -> None:
    """Finish setting up a customer's authenticator app, with the first code it shows."""
    await _confirm(request, app, cause, _customer(customer_id))


@delete(
    "/customers/{customer_id:str}/totp",
    status_code=204,
    opt={"permission": Permission.MANAGE_KYC, "body": MaybeCodeRequest},
)
async def delete_customer_totp(request: _Request, app: App, cause: Cause, customer_id: str) -> None:
    """Take a customer's authenticator app away, with a code of it. Administrators need none."""
    body = await _maybe_code(request)
    await remove_totp(app.db, app.keys, cause, subject=_customer(customer_id), code=body.code)


async def _request(request: _Request, app: App, cause: Cause, subject: Subject) -> TotpView:
    body = await _maybe_code(request)
    made = await request_totp(app.db, app.keys, cause, subject=subject, code=body.code)
    return TotpView.of(made)


async def _confirm(request: _Request, app: App, cause: Cause, subject: Subject) -> None:
    body: CodeRequest = await read_body(request, CodeRequest)
    await confirm_totp(app.db, app.keys, cause, subject=subject, code=body.code)


async def _maybe_code(request: _Request) -> MaybeCodeRequest:
    """The body, which may be left out."""
    if not await request.body():
        return MaybeCodeRequest()
    return await read_body(request, MaybeCodeRequest)


def _customer(customer_id: str) -> Subject:
    try:
        return Subject("customer", msgspec.convert(customer_id, CustomerRef))
    except msgspec.ValidationError as error:
        raise InvalidRequest.field("customer_id", str(error)) from None


ROUTES = [
    post_otp,
    post_my_totp,
    confirm_my_totp,
    delete_my_totp,
    delete_user_totp,
    post_customer_totp,
    confirm_customer_totp,
    delete_customer_totp,
]
