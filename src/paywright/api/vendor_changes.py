"""Changes of where a vendor's money goes, over HTTP: asked for by one, approved by another."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import Parameter
from msgspec import Meta

from paywright.api.answers import respond
from paywright.api.requests import END, idempotency_key, read_body, read_id
from paywright.api.vendors import VendorPayoutRequest, VendorPayoutView, Why, vendor_reference
from paywright.approvals.model import Vote
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.ids import VendorChangeId
from paywright.idempotency import Answer
from paywright.vendors.approve_change import approve_change
from paywright.vendors.model import ChangeSeen, ChangeStatus, ChangeWeighed
from paywright.vendors.reject_change import reject_change
from paywright.vendors.request_change import request_change
from paywright.vendors.seeing import change_seen
from paywright.vendors.views import get_change, list_changes
from paywright.vendors.withdraw_change import withdraw_change
from paywright.wiring import App

ContentHash = Annotated[
    str, Meta(pattern=r"^[0-9a-f]{64}" + END, description="Of what the approver has looked at.")
]


class VendorChangeRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`reason`: how it is known that the vendor wants this, for the approver."""

    payout: VendorPayoutRequest
    reason: Why


class VendorChangeApproval(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    content_hash: ContentHash
    comment: Why | None = None


class VendorChangeRejection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    reason: Why


class VendorChangeView(msgspec.Struct, frozen=True, kw_only=True):
    """`differs_in`: the fields of the payout that are not the same; two accounts may look alike
    when masked. `content_hash`: what an approval is bound to. After `expires_at` nobody can approve
    it any more."""

    id: str
    vendor_id: str
    status: ChangeStatus
    payout_before: VendorPayoutView
    payout: VendorPayoutView
    differs_in: Sequence[str]
    content_hash: str
    reason: str
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    decided_why: str | None

    @classmethod
    def of(cls, seen: ChangeSeen) -> "VendorChangeView":
        return cls(**_plain(seen))


class VendorChangeVote(msgspec.Struct, frozen=True, kw_only=True):
    """`principal`: in whose stead the person approved; their own, where nobody delegated it."""

    person: str
    principal: str
    role: str
    at: datetime
    comment: str | None

    @classmethod
    def of(cls, vote: Vote) -> "VendorChangeVote":
        return cls(**{it: getattr(vote, it) for it in cls.__struct_fields__})


class VendorChangeDetails(VendorChangeView, frozen=True, kw_only=True):
    """With who has approved it. `shares_account_with`: other vendors that have the new account."""

    approvals: Sequence[VendorChangeVote]
    approvals_needed: int
    approvals_missing: int
    shares_account_with: Sequence[str]

    @classmethod
    def of_weighed(cls, weighed: ChangeWeighed) -> "VendorChangeDetails":
        return cls(
            **_plain(weighed),
            approvals=[VendorChangeVote.of(it) for it in weighed.votes],
            approvals_needed=weighed.approvals_needed,
            approvals_missing=weighed.approvals_missing,
            shares_account_with=weighed.shares_account_with,
        )


class VendorChangePage(msgspec.Struct, frozen=True):
    items: Sequence[VendorChangeView]
    next_cursor: str | None


def _plain(seen: ChangeSeen) -> dict[str, Any]:
    names = VendorChangeView.__struct_fields__
    change = seen.change
    return {it: getattr(change, it) for it in names if it != "differs_in"} | {
        "id": str(change.id),
        "content_hash": change.content_hash.hex(),
        "payout_before": VendorPayoutView.of(seen.old),
        "payout": VendorPayoutView.of(seen.new),
        "differs_in": seen.differs_in,
    }


def _id(change_id: str) -> VendorChangeId:
    return read_id(VendorChangeId, change_id, field="change_id")


@post(
    "/vendors/{vendor_id:str}/payout-changes",
    status_code=202,
    opt={"permission": Permission.MANAGE_VENDORS, "body": VendorChangeRequest},
)
async def post_payout_change(
    request: Request[Any, Any, Any],
    app: App,
    cause: Cause,
    vendor_id: str,
    key: Annotated[str | None, Parameter(header="Idempotency-Key", required=False)] = None,
) -> Response[VendorChangeView]:
    """Ask for other bank details of a vendor.

    Somebody else has to approve them. From now on nothing leaves for the vendor: until the change
    is rejected, withdrawn or expired, or until a while after it was approved. Needs an
    `Idempotency-Key`; the same request with the same key again gets the same answer, with
    `Idempotency-Replayed: true`.
    """
    body: VendorChangeRequest = await read_body(request, VendorChangeRequest)
    requested = await request_change(
        app.db,
        app.keys,
        cause,
        key=idempotency_key(request),
        vendor_id=vendor_reference(vendor_id),
        payout=body.payout.beneficiary(),
        reason=body.reason,
        providers=app.gateway.providers,
    )
    told = msgspec.json.encode(VendorChangeView.of(requested.seen))
    return respond(Answer(202, told), replayed=requested.replayed)


@get("/vendor-changes", opt={"permission": Permission.READ_VENDORS})
async def get_vendor_changes(
    app: App,
    cause: Cause,
    status: ChangeStatus = ChangeStatus.PENDING,
    vendor_id: Annotated[str | None, Parameter(max_length=64)] = None,
    cursor: Annotated[str | None, Parameter(max_length=200)] = None,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 50,
) -> VendorChangePage:
    """List changes: those that wait, the oldest first, or those that ended, the newest first."""
    page = await list_changes(
        app.db,
        app.keys,
        cause,
        status=status,
        vendor_id=None if vendor_id is None else vendor_reference(vendor_id),
        cursor=cursor,
        limit=limit,
    )
    return VendorChangePage([VendorChangeView.of(it) for it in page.items], page.next_cursor)


@get("/vendor-changes/{change_id:str}", opt={"permission": Permission.READ_VENDORS})
async def get_vendor_change(app: App, cause: Cause, change_id: str) -> VendorChangeDetails:
    """One change, and who has approved it."""
    return await _details(app, cause, _id(change_id))


@post(
    "/vendor-changes/{change_id:str}/approve",
    status_code=200,
    opt={"permission": Permission.READ_VENDORS, "body": VendorChangeApproval},
)
async def approve_vendor_change(
    request: Request[Any, Any, Any], app: App, cause: Cause, change_id: str
) -> VendorChangeDetails:
    """Approve a change that somebody else has asked for.

    It needs `payments:approve`, or a delegation by somebody who has it. With the last approval that
    is needed the new bank details are in force, and the vendor is paused for a while longer.
    """
    body: VendorChangeApproval = await read_body(request, VendorChangeApproval)
    await approve_change(
        app.db,
        app.keys,
        app.approval_rules,
        cause,
        change_id=_id(change_id),
        content_hash=bytes.fromhex(body.content_hash),
        comment=body.comment,
        pause=app.vendor_pause,
    )
    return await _details(app, cause, _id(change_id))


@post(
    "/vendor-changes/{change_id:str}/reject",
    status_code=200,
    opt={"permission": Permission.READ_VENDORS, "body": VendorChangeRejection},
)
async def reject_vendor_change(
    request: Request[Any, Any, Any], app: App, cause: Cause, change_id: str
) -> VendorChangeDetails:
    """Reject a change that somebody else has asked for; the pause that it made ends.

    It needs `payments:approve`, or a delegation by somebody who has it.
    """
    body: VendorChangeRejection = await read_body(request, VendorChangeRejection)
    await reject_change(app.db, cause, change_id=_id(change_id), reason=body.reason)
    return await _details(app, cause, _id(change_id))


@post(
    "/vendor-changes/{change_id:str}/withdraw",
    status_code=200,
    opt={"permission": Permission.MANAGE_VENDORS},
)
async def withdraw_vendor_change(app: App, cause: Cause, change_id: str) -> VendorChangeView:
    """Withdraw a change that waits for approval; the pause that it made ends."""
    withdrawn = await withdraw_change(app.db, cause, change_id=_id(change_id))
    return VendorChangeView.of(change_seen(app.keys, withdrawn))


async def _details(app: App, cause: Cause, change_id: VendorChangeId) -> VendorChangeDetails:
    weighed = await get_change(app.db, app.keys, app.approval_rules, cause, change_id=change_id)
    return VendorChangeDetails.of_weighed(weighed)


ROUTES = [
    post_payout_change,
    get_vendor_changes,
    get_vendor_change,
    approve_vendor_change,
    reject_vendor_change,
    withdraw_vendor_change,
]
