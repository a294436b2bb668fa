"""Vendors on the command line: who they are, and changes of where their money goes."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from cyclopts import App as Cli
from cyclopts import Parameter

from paywright.cli.console import CommandFailed, out, print_json, print_table
from paywright.cli.prepare import system_cause
from paywright.cli.session import Json, with_app
from paywright.core.cause import Cause
from paywright.core.ids import VendorChangeId
from paywright.identity.authenticate import authenticate
from paywright.telemetry.request_id import new_request_id
from paywright.vendors.approve_change import approve_change
from paywright.vendors.model import (
    ChangeSeen,
    ChangeStatus,
    ChangeWeighed,
    PayoutSeen,
    Vendor,
    VendorChange,
    VendorSeen,
    VendorStatus,
)
from paywright.vendors.views import get_change, get_vendor, list_changes, list_vendors
from paywright.wiring import App

_LISTED_MAX = 1_000
# What stays inside: bank details, though encrypted.
_SEALED = ("payout", "payout_before")

cli = Cli(help="See vendors, and approve changes of where their money goes.")


@cli.command(name="list")
def list_all(
    *,
    status: Annotated[VendorStatus | None, Parameter(help="Only those.")] = None,
    name: Annotated[str | None, Parameter(help="Only those with this in their name.")] = None,
    as_json: Json = False,
) -> None:
    """Vendors by id, 1,000 at most."""

    async def main(app: App) -> Sequence[Vendor]:
        page = await list_vendors(
            app.db, system_cause(), status=status, name=name, limit=_LISTED_MAX
        )
        return page.items

    found = with_app(main)
    if as_json:
        print_json([_plain(it) for it in found])
        return
    rows = [
        [it.id, it.name, it.status, it.payout_masked, it.payout_mode, _moment(it.paused_until)]
        for it in found
    ]
    print_table("", ["Vendor", "Name", "Status", "Account", "Paid", "Paused until"], rows)


@cli.command
def show(vendor_id: str, *, as_json: Json = False) -> None:
    """One vendor, with where its money goes, masked."""

    async def main(app: App) -> VendorSeen:
        return await get_vendor(app.db, app.keys, system_cause(), vendor_id=vendor_id)

    found = with_app(main)
    vendor, change = found.vendor, found.pending_change
    pending = None if change is None else str(change.id)
    if as_json:
        seen = {"payout": found.payout, "pending_change_id": pending}
        print_json(_plain(vendor) | seen | {"shares_account_with": found.shares_account_with})
        return
    rows = [
        ["Name", vendor.name],
        ["Status", " ".join(filter(None, [vendor.status, vendor.status_reason]))],
        ["Paid to", f"{_account(found.payout)}, version {vendor.payout_version}"],
        ["Paid", vendor.payout_mode],
        ["Paused until", _moment(vendor.paused_until)],
        ["Change that waits", pending or "-"],
        ["Same account", ", ".join(found.shares_account_with) or "no other vendor"],
    ]
    print_table(vendor.id, ["", ""], rows)


@cli.command
def changes(
    *,
    status: Annotated[ChangeStatus, Parameter(help="Only those.")] = ChangeStatus.PENDING,
    vendor: Annotated[str | None, Parameter(help="Only those of this vendor.")] = None,
    as_json: Json = False,
) -> None:
    """Changes of where vendors' money goes: those that wait, the oldest first; 1,000 at most."""

    async def main(app: App) -> Sequence[ChangeSeen]:
        page = await list_changes(
            app.db,
            app.keys,
            system_cause(),
            status=status,
            vendor_id=vendor,
            limit=_LISTED_MAX,
        )
        return page.items

    found = with_app(main)
    if as_json:
        print_json([_plain_change(it) for it in found])
        return
    for it in found:
        change = it.change
        rows = [
            ["Vendor", change.vendor_id],
            ["Now", _account(it.old)],
            ["Then", f"{_account(it.new)}; differs in {', '.join(it.differs_in)}"],
            ["Asked for by", f"{change.requested_by}, {_moment(change.requested_at)}"],
            ["Because", change.reason],
            ["Contents", change.content_hash.hex()],
        ]
        print_table(f"{change.id}, {change.status}", ["", ""], rows)
    if not found:
        out.print("None.")


@cli.command(name="approve-change")
def approve(
    change_id: str,
    *,
    content_hash: Annotated[str, Parameter(help="What `vendors changes` shows as its contents.")],
    comment: str | None = None,
    api_key: Annotated[
        str | None,
        Parameter(
            env_var="PAYWRIGHT_API_KEY",
            help="The key of who approves; better in the environment, where nobody reads it.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Approve a change that somebody else has asked for. Whoever may run commands here has no right
    of their own to it: it takes the API key of somebody who may approve."""

    async def main(app: App) -> ChangeWeighed:
        cause = await _cause_of(app, api_key)
        asked = _id(change_id)
        await approve_change(
            app.db,
            app.keys,
            app.approval_rules,
            cause,
            change_id=asked,
            content_hash=_digest(content_hash),
            comment=comment,
            pause=app.vendor_pause,
        )
        return await get_change(
            app.db, app.keys, app.approval_rules, system_cause(), change_id=asked
        )

    approved = with_app(main)
    missing = approved.approvals_missing
    if as_json:
        counts = {"approvals_needed": approved.approvals_needed, "approvals_missing": missing}
        print_json(_plain_change(approved) | counts)
    elif missing:
        out.print(f"{approved.change.id}: {missing} more to approve it.")
    else:
        new = _account(approved.new)
        out.print(f"{approved.change.id}: {approved.change.vendor_id} is paid to {new}.")


async def _cause_of(app: App, api_key: str | None) -> Cause:
    """The cause of what somebody does who shows their key."""
    if not api_key:
        raise CommandFailed("set PAYWRIGHT_API_KEY to the key of somebody who may approve")
    at = datetime.now(UTC)
    caller = await authenticate(app.db, app.identity, api_key, at=at)
    return Cause(actor=caller.actor, at=at, request_id=new_request_id())


def _id(text: str) -> VendorChangeId:
    try:
        return VendorChangeId.parse(text)
    except ValueError as error:
        raise CommandFailed(str(error)) from None


def _digest(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise CommandFailed("--content-hash must be hexadecimal digits") from None


def _account(payout: PayoutSeen) -> str:
    return f"{payout.name}, {payout.account_masked}, by {payout.bank}"


def _moment(at: datetime | None) -> str:
    return "-" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"


def _plain(it: Vendor | VendorChange) -> dict[str, Any]:
    told = msgspec.structs.asdict(it)
    return {name: value for name, value in told.items() if name not in _SEALED}


def _plain_change(it: ChangeSeen) -> dict[str, Any]:
    change = it.change
    ids = {"id": str(change.id), "content_hash": change.content_hash.hex()}
    seen = {"payout_before": it.old, "payout": it.new, "differs_in": it.differs_in}
    return _plain(change) | ids | seen
