"""KYC over HTTP: where a customer stands, checks by a provider, and decisions by hand."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get, post, put
from litestar.params import Parameter
from msgspec import Meta

from paywright.api.problems import InvalidRequest
from paywright.api.requests import NO_NUL, CustomerRef, read_body
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.kyc.decide import decide_by_hand
from paywright.kyc.model import Check, KycStatus
from paywright.kyc.request_check import request_check
from paywright.kyc.standing import Shown, list_checks, show_standing
from paywright.wiring import App

Reason = Annotated[str, Meta(min_length=1, max_length=500, pattern=NO_NUL)]


class KycDecisionRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    status: Literal["verified", "rejected", "unverified"]
    reason: Reason


class KycCheckView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    customer_id: str
    provider: str
    status: KycStatus
    reason: str | None
    requested_at: datetime
    requested_by: str
    decided_at: datetime | None
    decided_by: str | None
    expires_at: datetime | None

    @classmethod
    def of(cls, check: Check) -> "KycCheckView":
        fields: dict[str, Any] = {field: getattr(check, field) for field in cls.__struct_fields__}
        fields["id"] = str(check.id)
        return cls(**fields)


class KycStandingView(msgspec.Struct, frozen=True, kw_only=True):
    """`is_present_name` is false when a verification was about a name or a country that is not on
    file any more: ask for a new check then."""

    customer_id: str
    status: KycStatus
    since: datetime | None
    expires_at: datetime | None
    is_present_name: bool
    latest_check: KycCheckView | None

    @classmethod
    def of(cls, shown: Shown) -> "KycStandingView":
        standing, latest = shown.standing, shown.latest_check
        return cls(
            customer_id=standing.customer_id,
            status=standing.status,
            since=standing.since,
            expires_at=standing.expires_at,
            is_present_name=shown.is_present_name,
            latest_check=None if latest is None else KycCheckView.of(latest),
        )


class KycCheckList(msgspec.Struct, frozen=True):
    items: Sequence[KycCheckView]
    next_cursor: str | None


@post(
    "/customers/{customer_id:str}/kyc-checks",
    status_code=201,
    opt={"permission": Permission.MANAGE_KYC, "also": (200,)},
)
async def post_kyc_check(app: App, cause: Cause, customer_id: str) -> Response[KycCheckView]:
    """Have the KYC provider check a customer. While a check is open, that one is the answer."""
    check, is_new = await request_check(
        app.db,
        app.keys,
        cause,
        customer_id=_reference(customer_id),
        provider=None if app.kyc_provider is None else app.kyc_provider.name,
    )
    return Response(KycCheckView.of(check), status_code=201 if is_new else 200)


@get("/customers/{customer_id:str}/kyc-checks", opt={"permission": Permission.READ_CUSTOMERS})
async def get_kyc_checks(
    app: App,
    cause: Cause,
    customer_id: str,
    cursor: Annotated[str | None, Parameter(max_length=200)] = None,
    limit: Annotated[int, Parameter(ge=1, le=100)] = 50,
) -> KycCheckList:
    """The checks of a customer, newest first."""
    page = await list_checks(
        app.db, cause, customer_id=_reference(customer_id), cursor=cursor, limit=limit
    )
    return KycCheckList([KycCheckView.of(check) for check in page.items], page.next_cursor)


@get("/customers/{customer_id:str}/kyc", opt={"permission": Permission.READ_CUSTOMERS})
async def get_kyc(app: App, cause: Cause, customer_id: str) -> KycStandingView:
    """Where a customer stands. One who was never checked is unverified."""
    reference = _reference(customer_id)
    return KycStandingView.of(await show_standing(app.db, app.keys, cause, customer_id=reference))


@put(
    "/customers/{customer_id:str}/kyc",
    status_code=200,
    opt={"permission": Permission.MANAGE_KYC, "body": KycDecisionRequest},
)
async def put_kyc(
    request: Request[Any, Any, Any], app: App, cause: Cause, customer_id: str
) -> KycStandingView:
    """Decide by hand. It ends a check that is open; what its provider says later is passed over."""
    body: KycDecisionRequest = await read_body(request, KycDecisionRequest)
    reference = _reference(customer_id)
    await decide_by_hand(
        app.db,
        app.keys,
        cause,
        customer_id=reference,
        status=KycStatus(body.status),
        reason=body.reason,
    )
    return KycStandingView.of(await show_standing(app.db, app.keys, cause, customer_id=reference))


def _reference(customer_id: str) -> str:
    try:
        return msgspec.convert(customer_id, CustomerRef)
    except msgspec.ValidationError as error:
        raise InvalidRequest.field("customer_id", str(error)) from None


ROUTES = [post_kyc_check, get_kyc_checks, get_kyc, put_kyc]
