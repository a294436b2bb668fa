"""A house with vendors in it, and people who register, ask and approve."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from tests.builders import NOON

from paywright.core.actor import Actor
from paywright.core.beneficiary import Beneficiary
from paywright.core.cause import Cause
from paywright.core.ids import VendorChangeId
from paywright.events import history
from paywright.events.model import Recorded
from paywright.identity.permissions import PERMISSIONS, Role
from paywright.vendors import store
from paywright.vendors.approve_change import approve_change
from paywright.vendors.model import Registration, Vendor, VendorChange
from paywright.vendors.register import register_vendor
from paywright.vendors.request_change import Requested, request_change
from paywright.wiring import App

VENDOR = "ven_lindgren"
# Check digits of invented accounts: ISO 13616.
OLD_IBAN = "DE89370400440532013000"
NEW_IBAN = "AT611904300234573201"
PAUSE = timedelta(hours=24)


def somebody(role: Role, person: str | None = None, **later: float) -> Cause:
    """A person of a role, so much later than noon."""
    who = person or f"usr_{role.value}"
    actor = Actor(who, PERMISSIONS[role], role=role.value, person_id=who)
    return Cause(actor=actor, at=NOON + timedelta(**later), request_id="req_test")


def clerk(**later: float) -> Cause:
    return somebody(Role.OPERATOR, **later)


def approver(person: str = "usr_ada", **later: float) -> Cause:
    return somebody(Role.APPROVER, person, **later)


def a_payout(**changes: Any) -> Beneficiary:
    fields: dict[str, Any] = {
        "name": "Lindgren Dach AB",
        "bank": "partner_bank",
        "iban": OLD_IBAN,
    } | changes
    return Beneficiary(**fields)


class House:
    """Use-cases on one application. What a test does not name is as ever."""

    def __init__(self, app: App) -> None:
        self.app, self.db = app, app.db

    async def register(self, cause: Cause | None = None, **changes: Any) -> tuple[Vendor, bool]:
        fields: dict[str, Any] = {
            "id": VENDOR,
            "name": "Lindgren Dach",
            "payout": a_payout(),
        } | changes
        return await register_vendor(
            self.db,
            self.app.keys,
            cause or clerk(),
            registration=Registration(**fields),
            providers=self.app.gateway.providers,
        )

    async def ask(
        self, cause: Cause | None = None, *, key: str = "k1", vendor_id: str = VENDOR, **payout: Any
    ) -> Requested:
        return await request_change(
            self.db,
            self.app.keys,
            cause or clerk(),
            key=key,
            vendor_id=vendor_id,
            payout=a_payout(**({"iban": NEW_IBAN} | payout)),
            reason="They called, and we called back.",
            providers=self.app.gateway.providers,
        )

    async def approve(
        self,
        change: VendorChange,
        cause: Cause | None = None,
        *,
        content_hash: bytes | None = None,
        pause: timedelta = PAUSE,
    ) -> VendorChange:
        return await approve_change(
            self.db,
            self.app.keys,
            self.app.approval_rules,
            cause or approver(hours=1),
            change_id=change.id,
            content_hash=content_hash or change.content_hash,
            pause=pause,
        )

    async def vendor(self, vendor_id: str = VENDOR) -> Vendor:
        async with self.db.snapshot() as tx:
            found = await store.find(tx, vendor_id)
        assert found is not None
        return found

    async def events(self, subject: str | VendorChangeId) -> list[Recorded]:
        async with self.db.snapshot() as tx:
            return list(await history(tx, str(subject)))

    async def everything_written(self) -> str:
        """All events, as one text."""
        async with self.db.pool.acquire() as connection:
            rows: list[Mapping[str, Any]] = await connection.fetch(
                "select e::text as t from events e"
            )
        return "\n".join(row["t"] for row in rows)
