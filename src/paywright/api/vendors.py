"""Vendors over HTTP: whom we pay for work. Bank details come in, and never go out."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post, put
from litestar.params import Parameter
from msgspec import Meta

from paywright.api.problems import InvalidRequest
from paywright.api.requests import NO_NUL, CustomerRef, read_body
from paywright.core.actor import Permission
from paywright.core.beneficiary import Beneficiary
from paywright.core.cause import Cause
from paywright.vendors.block import set_vendor_status
from paywright.vendors.model import (
    PayoutMode,
    PayoutSeen,
    Registration,
    Vendor,
    VendorSeen,
    VendorStatus,
)
from paywright.vendors.register import register_vendor
from paywright.vendors.views import get_vendor, list_vendors
from paywright.wiring import App

Why = Annotated[str, Meta(min_length=1, max_length=500, pattern=NO_NUL)]
HolderName = Annotated[str, Meta(min_length=1, max_length=140, pattern=NO_NUL)]


class VendorPayoutRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where money goes: an `iban`, or an `account_number` with the `bic` of its bank, or a
    `provider_account` that the provider keeps itself. `name`: the account's holder. `bank`: which
    provider sends the money; `bank_files`: it leaves in a file that is given to a bank."""

    name: HolderName
    bank: Annotated[str, Meta(min_length=1, max_length=24, pattern=NO_NUL)]
    iban: Annotated[str, Meta(max_length=64)] | None = None
    account_number: Annotated[str, Meta(max_length=64)] | None = None
    bic: Annotated[str, Meta(max_length=16)] | None = None
    provider_account: Annotated[str, Meta(max_length=64)] | None = None
    country: Annotated[str, Meta(max_length=2)] | None = None

    def beneficiary(self) -> Beneficiary:
        return Beneficiary(**msgspec.structs.asdict(self))


class VendorRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`payout` may be left out for a vendor that is on file. `payout_mode`: `immediate`, paid as
    soon as it is approved, or `run`, with the next payment run. `terms_days`: from the date of a
    bill until it is due."""

    name: HolderName
    payout: VendorPayoutRequest | None = None
    payout_mode: PayoutMode = PayoutMode.IMMEDIATE
    terms_days: Annotated[int, Meta(ge=0, le=365)] | None = None


class VendorStatusRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    reason: Why


class VendorView(msgspec.Struct, frozen=True, kw_only=True):
    """`paused_until`: nothing leaves for the vendor before. `payout_version` counts changes of
    where the money goes."""

    id: str
    name: str
    status: VendorStatus
    status_reason: str | None
    account_masked: str
    payout_version: int
    payout_changed_at: datetime
    payout_mode: PayoutMode
    paused_until: datetime | None
    terms_days: int | None
    created_by: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, vendor: Vendor) -> "VendorView":
        return cls(**_plain(vendor))


class VendorPayoutView(msgspec.Struct, frozen=True, kw_only=True):
    """`account_masked`: enough to recognise an account that one knows."""

    name: str
    bank: str
    account_masked: str
    bic: str | None
    country: str | None

    @classmethod
    def of(cls, payout: PayoutSeen) -> "VendorPayoutView":
        return cls(**msgspec.structs.asdict(payout))


class VendorDetails(VendorView, frozen=True, kw_only=True):
    """A vendor with where its money goes. `pending_change_id`: of a change of that, which waits for
    approval. `shares_account_with`: other vendors that have the same account, 20 at most."""

    payout: VendorPayoutView
    pending_change_id: str | None
    shares_account_with: Sequence[str]

    @classmethod
    def of_seen(cls, seen: VendorSeen) -> "VendorDetails":
        change = seen.pending_change
        return cls(
            **_plain(seen.vendor),
            payout=VendorPayoutView.of(seen.payout),
            pending_change_id=None if change is None else str(change.id),
            shares_account_with=seen.shares_account_with,
        )


class VendorPage(msgspec.Struct, frozen=True):
    items: Sequence[VendorView]
    next_cursor: str | None


def _plain(vendor: Vendor) -> dict[str, Any]:
    names = set(VendorView.__struct_fields__) - {"account_masked"}
    return {it: getattr(vendor, it) for it in names} | {"account_masked": vendor.payout_masked}


def vendor_reference(vendor_id: str) -> str:
    """Raises InvalidRequest."""
    try:
        return msgspec.convert(vendor_id, CustomerRef)
    except msgspec.ValidationError as error:
        raise InvalidRequest.field("vendor_id", str(error)) from None


@put(
    "/vendors/{vendor_id:str}",
    status_code=200,
    opt={"permission": Permission.MANAGE_VENDORS, "body": VendorRequest, "also": (201,)},
)
async def put_vendor(
    request: Request[Any, Any, Any], app: App, cause: Cause, vendor_id: str
) -> Response[VendorView]:
    """Register a vendor under your own id, or correct what is on file. Safe to repeat.

    Where its money goes is not changed so: other bank details than those on file are refused (409
    `payout-differs`), and asked for with `POST /api/v1/vendors/{vendor_id}/payout-changes`.
    """
    body: VendorRequest = await read_body(request, VendorRequest)
    registration = Registration(
        id=vendor_reference(vendor_id),
        name=body.name,
        payout=None if body.payout is None else body.payout.beneficiary(),
        payout_mode=body.payout_mode,
        terms_days=body.terms_days,
    )
    vendor, new = await register_vendor(
        app.db, app.keys, cause, registration=registration, providers=app.gateway.providers
    )
    return Response(VendorView.of(vendor), status_code=201 if new else 200)


@get("/vendors", opt={"permission": Permission.READ_VENDORS})
async def get_vendors(
    app: App,
    cause: Cause,
    status: VendorStatus | None = None,
    name: Annotated[
        str | None, Parameter(min_length=1, max_length=140, pattern=NO_NUL, description="A part.")
    ] = None,
    cursor: Annotated[str | None, Parameter(max_length=200)] = None,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 50,
) -> VendorPage:
    """List vendors by id, all of them or those whose name has a text in it."""
    page = await list_vendors(app.db, cause, status=status, name=name, cursor=cursor, limit=limit)
    return VendorPage([VendorView.of(it) for it in page.items], page.next_cursor)


@get("/vendors/{vendor_id:str}", opt={"permission": Permission.READ_VENDORS})
async def get_one_vendor(app: App, cause: Cause, vendor_id: str) -> VendorDetails:
    """One vendor, with where its money goes, masked."""
    reference = vendor_reference(vendor_id)
    return VendorDetails.of_seen(await get_vendor(app.db, app.keys, cause, vendor_id=reference))


@post(
    "/vendors/{vendor_id:str}/block",
    status_code=200,
    opt={"permission": Permission.MANAGE_VENDORS, "body": VendorStatusRequest},
)
async def block_vendor(
    request: Request[Any, Any, Any], app: App, cause: Cause, vendor_id: str
) -> VendorView:
    """Block a vendor: nothing is paid to it, and nothing new entered. Safe to repeat."""
    return await _set_status(request, app, cause, vendor_id, VendorStatus.BLOCKED)


@post(
    "/vendors/{vendor_id:str}/unblock",
    status_code=200,
    opt={"permission": Permission.MANAGE_VENDORS, "body": VendorStatusRequest},
)
async def unblock_vendor(
    request: Request[Any, Any, Any], app: App, cause: Cause, vendor_id: str
) -> VendorView:
    """Let a blocked vendor be paid again. Safe to repeat."""
    return await _set_status(request, app, cause, vendor_id, VendorStatus.ACTIVE)


async def _set_status(
    request: Request[Any, Any, Any], app: App, cause: Cause, vendor_id: str, status: VendorStatus
) -> VendorView:
    body: VendorStatusRequest = await read_body(request, VendorStatusRequest)
    reference = vendor_reference(vendor_id)
    vendor = await set_vendor_status(
        app.db, cause, vendor_id=reference, status=status, reason=body.reason
    )
    return VendorView.of(vendor)


ROUTES = [put_vendor, get_vendors, get_one_vendor, block_vendor, unblock_vendor]
