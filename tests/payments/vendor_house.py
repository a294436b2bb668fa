"""A house with two processes, as far as the database can tell, on the same books: what both do at
the same moment."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from secrets import randbelow, token_hex
from typing import Any

from tests.payment_runs.running import Payroll, treasurer
from tests.payments.paying import PAYEE, Office, an_office, somebody

from paywright.core.cause import Cause
from paywright.core.errors import Conflict, Problem
from paywright.identity.permissions import Role
from paywright.payments.orders import Answered
from paywright.payments.vendor.cancel import cancel_payment
from paywright.payments.vendor.create import NewPayment, create_payments
from paywright.payments.vendor.model import VendorPayment
from paywright.payments.vendor.release import release_payment
from paywright.settings import Settings
from paywright.vendors.approve_change import approve_change
from paywright.vendors.model import ChangeSeen, Vendor
from paywright.vendors.request_change import request_change
from paywright.vendors.store import find as find_vendor
from paywright.wiring import App, build

_APART_S = 0.012  # within which rivals begin: as long as a transaction takes
_BOOKED = 900_000_000
_IBANS = (PAYEE.iban, "AT611904300234573201")


def dora() -> Cause:
    return somebody("usr_dora", Role.DISPATCHER)


def a_number() -> str:
    """Of a bill like no other."""
    return f"{randbelow(10**12):012}"


class House:
    """`one` and `two` are processes of their own, as far as the database can tell."""

    def __init__(self, one: Payroll, two: Payroll) -> None:
        self.one, self.two = one, two
        self.dice = Random(17)

    @property
    def office(self) -> Office:
        return self.one.office

    @property
    def apps(self) -> tuple[App, App]:
        return self.one.app, self.two.app

    async def bill(self, minor: int = 12_000, **changes: Any) -> VendorPayment:
        """Entered, and like no other."""
        unlike = {
            "bill_number": a_number(),
            "key": token_hex(8),
            "incident_id": f"inc_{token_hex(6)}",
        }
        return await self.office.enter(minor, **unlike | changes)

    async def entered(self, process: int, **fields: Any) -> Answered | Problem:
        """What one of the processes answers to a new bill."""
        app = self.apps[process]
        usual = {
            "cause": dora(),
            "key": token_hex(8),
            "vendor_id": "nordlicht",
            "payer_type": "back_office",
        }
        (told,) = await create_payments(
            app.db,
            app.approval_rules,
            app.vendor_terms,
            [NewPayment(**usual | fields)],
            render=lambda it: str(it.id).encode(),
        )
        return told

    async def waiting(self, *amounts: int, vendor: str = "weser") -> list[VendorPayment]:
        """Approved payments that wait for a run."""
        bills = [await self.bill(it, vendor_id=vendor) for it in amounts]
        return [await self.office.approved(it) for it in bills]

    async def at_once(self, *acts: Awaitable[Any]) -> list[Any]:
        """What each of them comes to, who begin at the same moment, more or less. A refusal is an
        answer; anything that an API would make a 500 of is not."""

        async def begin(act: Awaitable[Any], after_s: float) -> Any:
            await asyncio.sleep(after_s)
            try:
                told = await act
            except Problem as problem:
                told = problem
            if isinstance(told, list):  # of one
                (told,) = told
            if isinstance(told, Problem):
                assert isinstance(told, Conflict), told
            return told

        return await asyncio.gather(*(begin(act, self.dice.random() * _APART_S) for act in acts))

    async def pause(self, until: datetime | None, vendor_id: str = "nordlicht") -> None:
        await self.one.db.pool.execute(
            "update vendors set paused_until = $2 where id = $1", vendor_id, until
        )

    async def vendor(self, vendor_id: str = "nordlicht") -> Vendor:
        async with self.one.db.snapshot() as tx:
            found = await find_vendor(tx, vendor_id)
        assert found is not None
        return found

    async def ask_for_change(self, process: int = 0, **later: Any) -> ChangeSeen:
        """Of the bank details, to an account that is not the vendor's now."""
        version = (await self.vendor()).payout_version
        app = self.apps[process]
        asked = await request_change(
            app.db,
            app.keys,
            treasurer(**later),
            key=token_hex(8),
            vendor_id="nordlicht",
            payout=type(PAYEE)(
                name=PAYEE.name, bank="partner_bank", iban=_IBANS[version % len(_IBANS)]
            ),
            reason="They called, and we called back.",
            providers=app.checks.banks,
        )
        return asked.seen

    async def approve_change(self, process: int, seen: ChangeSeen, **options: Any) -> Any:
        app = self.apps[process]
        return await approve_change(
            app.db,
            app.keys,
            app.approval_rules,
            somebody(options.pop("by", "usr_carl"), **options.pop("cause", {})),
            change_id=seen.change.id,
            content_hash=seen.change.content_hash,
            **{"pause": timedelta(0)} | options,
        )

    async def let_go(self, payment: VendorPayment, *, at: datetime | None = None) -> VendorPayment:
        cause = somebody("system", Role.ADMIN, at=at or datetime.now(UTC))
        app = self.apps[1]
        await release_payment(app.db, app.vendor_parts, cause, payment_id=payment.id)
        return await self.office.see(payment.id)

    async def cancel(self, payment: VendorPayment, process: int = 1) -> VendorPayment:
        db = self.apps[process].db
        return await cancel_payment(db, dora(), payment_id=payment.id)

    async def count(self, query: str, *args: Any) -> int:
        return await self.one.db.pool.fetchval(query, *args)

    async def told_once(self, payment: VendorPayment) -> None:
        """No step of it is in the log twice."""
        counts = Counter(await self.office.events(payment.id))
        counts.pop("approval.given", None)
        counts.pop("payment.updated", None)
        assert set(counts.values()) == {1}, counts


@asynccontextmanager
async def a_house(url: str, settings: Settings) -> AsyncIterator[House]:
    """Whatever happens in it, nobody waits for each other in a circle, and nothing is on hold for
    what has ended."""
    async with an_office(url, settings, booked=_BOOKED) as office:
        other = await build(settings, url=url, application="rival")
        try:
            one = Payroll(office)
            await one.prepare()
            yield House(one, Payroll(Office(other)))
            await asyncio.sleep(1.3)  # sessions report deadlocks once a second
            deadlocks = "select deadlocks from pg_stat_database where datname = current_database()"
            assert await other.db.pool.fetchval(deadlocks) == 0
            held = """
                select count(*) from open_holds where not exists (
                    select from payments where payments.id = open_holds.id
                       and status in ('processing', 'unknown'))
                """
            assert await other.db.pool.fetchval(held) == 0
        finally:
            await other.close()
