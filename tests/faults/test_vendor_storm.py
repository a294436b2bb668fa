"""People do what they like with vendor payments, at two processes, while connections to the
database are cut: in the end our books are the bank's, and what was approved was paid once."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from secrets import token_hex
from typing import Any

import pytest
from tests.builders import TEST_KEY, eur
from tests.faults.stage import Stage
from tests.iso20022.pain002_writing import write_pain002
from tests.payment_runs.running import IN_FILES, id_of, treasurer
from tests.payments.paying import settings_of, somebody
from tests.payments.vendor_house import House, a_house, dora
from tests.processes import until
from tests.simulator.simulating import Simulator

from paywright.core.errors import Problem
from paywright.core.ids import PaymentId, RunId, VendorChangeId
from paywright.db.pool import is_connection_lost
from paywright.identity.permissions import Role
from paywright.iso20022.model import StatusReport, TransactionStatus
from paywright.payment_runs.model import RunMethod
from paywright.payment_runs.names import end_to_end_id
from paywright.payments.orders import Answered
from paywright.payments.vendor.edit import Changes, edit_payment
from paywright.payments.vendor.model import Line, VendorPayment
from paywright.payments.vendor.reject import reject_payment
from paywright.payments.vendor.release import release_early
from paywright.payments.vendor.repeat import repeat_payment
from paywright.vendors.block import set_vendor_status
from paywright.vendors.model import VendorStatus
from paywright.vendors.reject_change import reject_change

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

_PEOPLE, _ACTS = 8, 25  # acts of each
_CUT_EVERY_S = 0.15
_VENDORS = ("nordlicht", "nordlicht", "weser", "sued")
_SETTINGS = {
    "payment_look_up_ms": "200,400,800,1500,3000,3000,3000,3000",
    "vendor_payout_retry_ms": 300,
    "vendor_change_pause_ms": 200,
    "queue_max_retries": 100,
    "queue_lease_ms": 1000,
}
Deed = Callable[[], Awaitable[Any]]


class Storm:
    """What people know of: payments that they have seen, as they were then; runs; changes."""

    def __init__(self, house: House, seed: int) -> None:
        self.house, self.dice = house, Random(seed)
        self.seen: list[VendorPayment] = []
        self.runs: list[RunId] = []
        self.changes: list[Any] = []
        self.answers: Counter[str] = Counter()
        self.is_over = asyncio.Event()

    async def person(self, number: int) -> None:
        process = number % 2
        for _ in range(_ACTS):
            name, deed = self._draw(process, number)
            if deed is None:
                continue
            told = await insist(deed)
            outcome = type(told).__name__ if isinstance(told, Problem) else "done"
            self.answers[f"{name}: {outcome}"] += 1
            await asyncio.sleep(self.dice.random() * 0.05)

    def _draw(self, process: int, number: int) -> tuple[str, Deed | None]:
        deeds: dict[Callable[[int, int], Deed | None], int] = {
            self.enter: 9, self.approve: 8, self.edit: 2, self.cancel: 2, self.reject: 1,
            self.repeat: 3, self.collect: 3, self.let_run_go: 4, self.cancel_run: 1,
            self.answer_of_bank: 2, self.ask_for_change: 1, self.decide_change: 2, self.block: 1,
        }  # fmt: skip
        (chosen,) = self.dice.choices(list(deeds), list(deeds.values()))
        return chosen.__name__, chosen(process, number)

    # Deeds: each may be done again, when nobody knows whether it was.

    def enter(self, process: int, number: int) -> Deed:
        minor = 10_000 + self.dice.randrange(1, 900_000)
        fields = {"vendor_id": self.dice.choice(_VENDORS), "key": token_hex(8)}
        once = f"{self.dice.randrange(10**12):012}"

        async def deed() -> Any:
            told = await self.house.entered(
                process,
                amount=eur(minor),
                lines=(Line("Repair", 1, minor),),
                bill_number=once,
                incident_id=f"inc_{once}",
                **fields,
            )
            if isinstance(told, Answered):
                payment_id = PaymentId.parse(told.answer.body.decode())
                self.seen.append(await self.house.office.see(payment_id))
            return told

        return deed

    def approve(self, process: int, number: int) -> Deed | None:
        it = self._one()
        if it is None:
            return None
        office = (self.house.one, self.house.two)[process].office
        key = token_hex(8)

        async def deed() -> Any:
            (told,) = await office.approve(it, by=f"usr_{number}", key=key)
            return told

        return deed

    def edit(self, process: int, number: int) -> Deed | None:
        it = self._one()
        if it is None:
            return None
        app, minor = self.house.apps[process], it.contents.amount.minor + 77

        async def deed() -> VendorPayment:
            after = await edit_payment(
                app.db,
                app.approval_rules,
                app.vendor_terms,
                dora(),
                payment_id=it.id,
                seen=it.content_hash,
                changes=Changes(amount_minor=minor, lines=(Line("More", 1, minor),)),
            )
            self.seen.append(after)
            return after

        return deed

    def cancel(self, process: int, number: int) -> Deed | None:
        it = self._one()
        return None if it is None else lambda: self.house.cancel(it, process)

    def reject(self, process: int, number: int) -> Deed | None:
        it, db = self._one(), self.house.apps[process].db
        if it is None:
            return None
        who = somebody(f"usr_{number}")
        return lambda: reject_payment(db, who, payment_id=it.id, reason="never ordered")

    def repeat(self, process: int, number: int) -> Deed | None:
        it, app = self._one(), self.house.apps[process]
        if it is None:
            return None

        async def deed() -> VendorPayment:
            again = await repeat_payment(app.db, app.vendor_parts, dora(), payment_id=it.id)
            self.seen.append(again)
            return again

        return deed

    def collect(self, process: int, number: int) -> Deed:
        payroll = (self.house.one, self.house.two)[process]
        method, key = self.dice.choice(list(RunMethod)), token_hex(8)

        async def deed() -> Any:
            told = await payroll.ask(method, key=key)
            self.runs.append(id_of(told.answer))
            return told

        return deed

    def let_run_go(self, process: int, number: int) -> Deed | None:
        if not self.runs:
            return None
        payroll, run_id = (self.house.one, self.house.two)[process], self.dice.choice(self.runs)

        async def deed() -> Any:
            run = (await payroll.see(run_id)).run
            is_file = run.method is RunMethod.FILE
            return await (payroll.export(run) if is_file else payroll.release(run))

        return deed

    def cancel_run(self, process: int, number: int) -> Deed | None:
        if not self.runs:
            return None
        payroll, run_id = (self.house.one, self.house.two)[process], self.dice.choice(self.runs)

        async def deed() -> Any:
            return await payroll.cancel((await payroll.see(run_id)).run)

        return deed

    def answer_of_bank(self, process: int, number: int) -> Deed | None:
        if not self.runs:
            return None
        run_id, is_refused = self.dice.choice(self.runs), self.dice.random() < 0.3
        return lambda: self.answered(run_id, process, "RJCT" if is_refused else "ACSC")

    async def answered(self, run_id: RunId, process: int, status: str) -> Any:
        payroll = (self.house.one, self.house.two)[process]
        shown = await payroll.see(run_id)
        lines = tuple(
            TransactionStatus(
                end_to_end_id=end_to_end_id(it.id), status=status, amount=it.amount,
                reason_code="AM04" if status == "RJCT" else None,
            )
            for it in shown.payments.items[:3]
        )  # fmt: skip
        report = StatusReport(
            message_id=shown.run.message_id,
            group_status=None if lines[3:] else "PART",
            transactions=lines,
        )
        return await payroll.take(write_pain002(report, created_at=datetime.now(UTC)))

    def ask_for_change(self, process: int, number: int) -> Deed:
        async def deed() -> Any:
            seen = await self.house.ask_for_change(process)
            self.changes.append(seen)
            return seen

        return deed

    def decide_change(self, process: int, number: int) -> Deed | None:
        if not self.changes:
            return None
        seen = self.dice.choice(self.changes[-3:])
        if self.dice.random() < 0.5:
            db, who = self.house.apps[process].db, somebody("usr_carl")
            return lambda: reject_change(db, who, change_id=seen.change.id, reason="a forgery")
        return lambda: self.house.approve_change(process, seen)

    def block(self, process: int, number: int) -> Deed:
        db, vendor_id = self.house.apps[process].db, self.dice.choice(_VENDORS)

        async def deed() -> Any:
            for status in (VendorStatus.BLOCKED, VendorStatus.ACTIVE):
                await set_vendor_status(
                    db, treasurer(), vendor_id=vendor_id, status=status, reason="a drill"
                )
                await asyncio.sleep(0.02)

        return deed

    def _one(self) -> VendorPayment | None:
        return self.dice.choice(self.seen[-25:]) if self.seen else None

    # What goes wrong.

    async def cut_connections(self) -> int:
        """Of somebody who is in the middle of something, again and again."""
        cut = 0
        while not self.is_over.is_set():
            await asyncio.sleep(_CUT_EVERY_S)
            with contextlib.suppress(Exception):
                cut += await self.house.count(
                    """
                    select count(pg_terminate_backend(pid)) from (
                        select pid from pg_stat_activity
                         where datname = current_database() and pid <> pg_backend_pid()
                           and application_name in ('test', 'rival', 'paywright-worker')
                           and state in ('active', 'idle in transaction')
                           and query not like 'LISTEN%'
                         order by md5(pid::text || clock_timestamp()::text) limit 1) as unlucky
                    """
                )
        return cut


async def insist(deed: Deed) -> Any:
    """As somebody does whose connection broke."""
    for _ in range(50):
        try:
            return await deed()
        except Problem as problem:
            if problem.status < 500:
                return problem
        except Exception as error:
            if not is_connection_lost(error):
                raise
        await asyncio.sleep(0.05)
    raise AssertionError("it never came to anything")


@pytest.fixture
async def house(database_url: str, simulator: Simulator, folder: Path) -> AsyncIterator[House]:
    stage = Stage(database_url, folder, {})
    settings = settings_of(simulator, **_SETTINGS)
    async with a_house(database_url, settings) as house:
        environ = {
            "ENCRYPTION_KEY": TEST_KEY,
            "PARTNER_BANK_URL": simulator.urls["bank"],
            "PARTNER_BANK_TOKEN": "simulator",
            "PARTNER_BANK_TIMEOUT_MS": 700,
            "PAYMENT_MAX_RETRIES": 0,
            "CIRCUIT_BREAKER_FAILURE_THRESHOLD": 100,
        } | {name.upper(): value for name, value in _SETTINGS.items()}
        stage.start("work", **environ)
        try:
            yield house
        finally:
            await stage.close()


@pytest.mark.parametrize("seed", [1, 2])
async def test_whatever_people_do_our_books_are_the_banks(
    house: House, simulator: Simulator, seed: int
) -> None:
    storm = Storm(house, seed)
    simulator.set(decline_rate=0.15, error_after_apply_rate=0.1)
    cutting = asyncio.create_task(storm.cut_connections())
    try:
        async with asyncio.TaskGroup() as people:
            for number in range(_PEOPLE):
                people.create_task(storm.person(number))
    finally:
        storm.is_over.set()
        cut = await cutting
    simulator.set()
    await calm(storm)
    done = {it.partition(":")[0] for it in storm.answers if it.endswith("done")}
    assert (cut > 3, len(done) > 8) == (True, True), storm.answers
    await check_books(house, simulator)


async def calm(storm: Storm) -> None:
    """What was begun comes to its end."""
    house = storm.house
    for vendor_id in set(_VENDORS):
        await insist(
            lambda vendor_id=vendor_id: set_vendor_status(
                house.one.db, treasurer(), vendor_id=vendor_id, status=VendorStatus.ACTIVE,
                reason="over",
            )
        )  # fmt: skip
    fetch = house.one.db.pool.fetch
    for row in await fetch("select id from vendor_changes where status = 'pending'"):
        change_id = VendorChangeId.of(row["id"])
        who = somebody("usr_carl")
        await reject_change(house.one.db, who, change_id=change_id, reason="a forgery")

    async def nothing_is_open() -> bool:
        await release_early(house.one.db, somebody("system", Role.ADMIN))
        for method in RunMethod:
            with contextlib.suppress(Problem):
                await house.one.ask(method, key=token_hex(8))
        for row in await fetch("select id, method from payment_runs where status = 'collected'"):
            run = (await house.one.see(RunId.of(row["id"]))).run
            with contextlib.suppress(Problem):
                is_file = run.method is RunMethod.FILE
                await (house.one.export(run) if is_file else house.one.release(run))
        files = "select id from payment_runs where status = 'released' and method = 'file'"
        for row in await fetch(files):
            await storm.answered(RunId.of(row["id"]), 0, "ACSC")
        return not await house.count(
            """
            select (select count(*) from payments where status in ('processing', 'unknown'))
                 + (select count(*) from pgqueuer
                     where status = 'picked'
                        or (status = 'queued' and execute_after <= now() + interval '1 s'))
            """
        )

    await until(nothing_is_open, seconds=120, what="everything to end", every=0.5)


async def check_books(house: House, simulator: Simulator) -> None:
    fetch = house.one.db.pool.fetch
    rows = await fetch(
        """
        select payments.id, status, amount_minor, provider, replaces
          from payments join vendor_payments on payment_id = payments.id
        """
    )
    paid = {row["id"]: row for row in rows if row["status"] == "succeeded"}
    ours = {
        str(PaymentId.of(row["id"])): row["amount_minor"]
        for row in paid.values()
        if row["provider"] != IN_FILES.bank
    }
    settled = [it for it in simulator.books(limit=1000)["payments"] if it["status"] == "settled"]
    assert {it["idempotency_key"]: it["amount_minor"] for it in settled} == ours
    assert len(settled) == len(ours)
    # Of a payment and those that repeat it one was paid at most.
    before = {row["id"]: row["replaces"] for row in rows}
    first = Counter[Any]()
    for it in paid:
        root = it
        while before[root] is not None:
            root = before[root]
        first[root] += 1
    assert not [it for it, count in first.items() if count > 1]
    booked, available = await house.office.payable()
    assert booked == available == 900_000_000 - sum(row["amount_minor"] for row in paid.values())
    for row in rows:
        counts = Counter(await house.office.events(PaymentId.of(row["id"])))
        for free in ("approval.given", "payment.updated"):
            counts.pop(free, None)
        assert set(counts.values()) <= {1}, counts
    unapproved = """
        select payment_id from vendor_payments where released_at is not null and approvals_needed >
            (select count(*) from approvals where subject_id = payment_id
                and approvals.content_hash = vendor_payments.content_hash)
        """
    assert not await fetch(unapproved)
    dead = await fetch("select entrypoint, payload from pgqueuer where status = 'failed'")
    assert not dead, [dict(row) for row in dead]
