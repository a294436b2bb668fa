"""A house that pays vendors: accounts, a vendor, and a bank that is a process of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import msgspec
from tests.builders import TEST_KEY, eur
from tests.ledger.building import a_post, moved
from tests.simulator.simulating import IBAN, Simulator

from paywright.cli import prepare
from paywright.core.actor import Actor
from paywright.core.beneficiary import Beneficiary
from paywright.core.cause import Cause
from paywright.core.errors import Problem
from paywright.core.ids import PaymentId
from paywright.identity.permissions import PERMISSIONS, Role
from paywright.ledger import accounts_store
from paywright.ledger.chart import chart, ensure_chart
from paywright.payments.orders import Answered
from paywright.payments.vendor.approve import Approving, approve_payments
from paywright.payments.vendor.create import NewPayment, create_payments
from paywright.payments.vendor.model import Line, VendorPayment
from paywright.payments.vendor.on_file import on_file
from paywright.payments.verify import verify
from paywright.settings import Settings
from paywright.vendors.model import Registration
from paywright.vendors.register import register_vendor
from paywright.wiring import App, build

PAYABLE, EXPENSE = "vendors:payable:EUR", "opening:balances:EUR"
PAYEE = Beneficiary(name="Nordlicht Bau GmbH", bank="partner_bank", iban=IBAN)


def somebody(name: str, role: Role = Role.APPROVER, **changes: Any) -> Cause:
    """A person who has signed in, now."""
    actor = Actor(name, PERMISSIONS[role], role=role)
    return Cause(**{"actor": actor, "at": datetime.now(UTC), "request_id": "req_test"} | changes)


class Office:
    """Dora enters bills; Anna, Ben and Carl approve; 10,000.00 are booked for vendors."""

    def __init__(self, app: App) -> None:
        self.app = app
        self._numbers = count(1)

    async def enter(self, minor: int = 12_000, **changes: Any) -> VendorPayment:
        number = next(self._numbers)
        fields = {
            "cause": somebody("usr_dora", Role.DISPATCHER),
            "key": f"entered-{number}",
            "vendor_id": "nordlicht",
            "amount": eur(minor),
            "payer_type": "back_office",
            "lines": (Line("Repair", 1, minor),),
            "incident_id": f"inc_{number}",
        }
        asked = NewPayment(**fields | changes)
        app = self.app
        (answer,) = await create_payments(
            app.db,
            app.approval_rules,
            app.vendor_terms,
            [asked],
            render=lambda it: str(it.id).encode(),
        )
        assert isinstance(answer, Answered), answer
        return await self.see(PaymentId.parse(answer.answer.body.decode()))

    async def see(self, payment_id: PaymentId) -> VendorPayment:
        async with self.app.db.snapshot() as tx:
            return (await on_file(tx, [payment_id]))[payment_id]

    async def approve(
        self, *payments: VendorPayment, by: str = "usr_anna", **changes: Any
    ) -> list[Answered | Problem]:
        role = changes.pop("role", Role.APPROVER)
        cause = somebody(by, role, **changes.pop("cause", {}))
        asked = [
            Approving(
                **{"cause": cause, "payment_id": it.id, "content_hash": it.content_hash} | changes
            )
            for it in payments
        ]
        return await approve_payments(
            self.app.db, self.app.vendor_parts, asked, render=lambda it: it.status.value.encode()
        )

    async def approved(self, payment: VendorPayment, *by: str) -> VendorPayment:
        """Approved by each of them, none of whom may be refused."""
        for name in by or ("usr_anna",):
            (answer,) = await self.approve(payment, by=name)
            assert isinstance(answer, Answered), answer
        return await self.see(payment.id)

    async def settle(self, payment: VendorPayment, turn: int = 0) -> VendorPayment:
        """What the worker does with the turn that is queued."""
        cause = prepare.system_cause()
        await self.app.settling.settle(cause, payment.id, turn=turn)
        return await self.see(payment.id)

    async def register(self, vendor_id: str, **changes: Any) -> None:
        payout = changes.pop("payout", PAYEE)
        told = Registration(**{"id": vendor_id, "name": payout.name, "payout": payout} | changes)
        await register_vendor(
            self.app.db,
            self.app.keys,
            somebody("usr_olga", Role.OPERATOR, at=datetime.now(UTC) - timedelta(days=60)),
            registration=told,
            providers=self.app.checks.banks,
        )

    async def payable(self) -> tuple[int, int]:
        """What is booked for vendors, and what of it is not held."""
        async with self.app.db.snapshot() as tx:
            ids = await accounts_store.ids_by_code(tx, [PAYABLE])
            found = (await accounts_store.select(tx, list(ids.values())))[ids[PAYABLE]].balances()
        return found.balance, found.available

    async def jobs(self, task: str) -> list[dict[str, Any]]:
        rows = await self.app.db.pool.fetch(
            "select payload, execute_after from pgqueuer where entrypoint = $1 order by id", task
        )
        return [{**msgspec.json.decode(row["payload"]), "at": row["execute_after"]} for row in rows]

    async def events(self, subject: object) -> list[str]:
        rows = await self.app.db.pool.fetch(
            "select type from events where subject = $1 order by sequence", str(subject)
        )
        return [row["type"] for row in rows]


def settings_of(simulator: Simulator, **changes: Any) -> Settings:
    return Settings(
        **{
            "encryption_key": TEST_KEY,
            "rate_limit_max": 0,
            "partner_bank_url": simulator.urls["bank"],
            "partner_bank_token": "simulator",
            "partner_bank_timeout_ms": 700,
            "payment_max_retries": 0,
            "circuit_breaker_failure_threshold": 100,
        }
        | changes
    )


@asynccontextmanager
async def an_office(
    url: str, settings: Settings, *, booked: int = 1_000_000
) -> AsyncIterator[Office]:
    """Whatever happens in it, the books are sound in the end."""
    app = await build(settings, url=url, application="test")
    try:
        await prepare.ensure_rules(app)
        cause = prepare.system_cause()
        accounts = chart(["EUR"], ["stripe"], ["partner_bank", "bank_files"])
        await ensure_chart(app.db, cause, accounts=accounts)
        async with app.db.snapshot() as tx:
            ids = await accounts_store.ids_by_code(tx, [PAYABLE, EXPENSE])
            found = await accounts_store.select(tx, list(ids.values()))
        if booked:
            await moved(
                app.db,
                a_post(found[ids[EXPENSE]], found[ids[PAYABLE]], booked, at=datetime.now(UTC)),
            )
        office = Office(app)
        await office.register("nordlicht")
        yield office
        report = await verify(app.db, at=datetime.now(UTC))
        assert report.is_sound, [check for check in report.checks if check.broken]
    finally:
        await app.close()
