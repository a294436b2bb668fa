"""An office that pays vendors, whose processes are killed: people who ask until they are answered,
and what has to be true in the end."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from secrets import randbelow, token_hex
from typing import Any

import httpx2
import msgspec
from tests.faults.providers_scenario import complaints
from tests.faults.providers_town import Town, town_on
from tests.faults.stage import ready
from tests.iso20022.pain002_writing import write_pain002
from tests.ledger.building import a_post, moved
from tests.payment_runs.running import IN_FILES, Payroll
from tests.payments.paying import EXPENSE, PAYABLE, PAYEE, Office
from tests.processes import until
from tests.simulator.simulating import IBAN

from paywright.cli import prepare
from paywright.core.ids import PaymentId, RunId
from paywright.identity.permissions import Role
from paywright.iso20022.model import StatusReport, TransactionStatus
from paywright.ledger import accounts_store
from paywright.ledger.chart import chart, ensure_chart
from paywright.payment_runs.model import PaymentRun, RunMethod
from paywright.payment_runs.names import end_to_end_id
from paywright.payments.vendor.model import VendorPayment
from paywright.payments.verify import verify
from paywright.vendors.model import PayoutMode

SETTINGS = {
    "PROVIDER_ROUTES": "charge=stripe;payout=partner_bank",
    "PARTNER_BANK_TIMEOUT_MS": "2000",
    "PAYMENT_DEADLINE_MS": "10000",
    "PAYMENT_MAX_RETRIES": "0",
    "QUEUE_MAX_RETRIES": "100",  # a job whose worker died five times would be taken for poison
    "CIRCUIT_BREAKER_FAILURE_THRESHOLD": "1000",
    "CIRCUIT_BREAKER_WINDOW_MIN": "10000",
    "VENDOR_CHANGE_PAUSE_MS": "3600000",  # an hour
    "VENDOR_PAYOUT_RETRY_MS": "200",
    "PAYMENT_FILE_DEBTOR_NAME": "Werkstatt Nord GmbH",
    "PAYMENT_FILE_DEBTOR_IBAN": IBAN,
}
_BOOKED = 900_000_000
_NEW_IBAN = "AT611904300234573201"
_CHANGE = {
    "payout": {"name": PAYEE.name, "bank": "partner_bank", "iban": _NEW_IBAN},
    "reason": "They called, and we called back.",
}


class Act(msgspec.Struct, kw_only=True):
    """A request of somebody. subject: what it is about, where that is known before it is asked

    heard: every answer to it, in order
    """

    what: str
    role: Role
    path: str
    method: str = "POST"
    key: str = ""
    body: dict[str, Any] | None = None
    content: bytes | None = None
    subject: str = ""
    heard: list[httpx2.Response] = []


class Team:
    """People who ask at one door or the other, with the same key until they are answered."""

    def __init__(self, town: Town, payroll: Payroll) -> None:
        self.town, self.payroll, self.office = town, payroll, payroll.office
        self.acts: list[Act] = []
        self._numbers = count(1)

    # What is done over HTTP. Each says what it is about.

    def create(self) -> Act:
        minor = 10_000 + 77 * next(self._numbers)
        return self._act(
            "create", Role.DISPATCHER, "/vendor-payments", key=token_hex(8), body={
                "vendor_id": "nordlicht",
                "amount_minor": minor,
                "currency": "EUR",
                "payer_type": "back_office",
                "lines": [{"description": "Repair", "quantity": 1, "unit_price_minor": minor}],
                "incident_id": f"inc_{token_hex(6)}",
                "bill_number": a_number(),
            },
        )  # fmt: skip

    async def approve(self) -> Act:
        it = await self.bill()
        return self._about(
            "approve", Role.APPROVER, it.id, key=token_hex(8),
            body={"content_hash": it.content_hash.hex()},
        )  # fmt: skip

    async def reject(self) -> Act:
        it = await self.bill()
        return self._about("reject", Role.APPROVER, it.id, body={"reason": "never ordered"})

    async def cancel(self) -> Act:
        """Of one that is approved, and waits for the end of a pause."""
        it = await self.approved(vendor_id="later")
        return self._about("cancel", Role.DISPATCHER, it.id, body={"reason": "paid by hand"})

    async def repeat(self) -> Act:
        it = await self.failed()
        return self._about("repeat", Role.DISPATCHER, it.id)

    async def request_change(self) -> Act:
        vendor_id = f"moving_{token_hex(6)}"
        await self.office.register(vendor_id)
        return self._act(
            "request_change", Role.OPERATOR, f"/vendors/{vendor_id}/payout-changes",
            key=token_hex(8), body=_CHANGE, subject=vendor_id,
        )  # fmt: skip

    async def approve_change(self, door: int = 0) -> Act:
        asked = await self.request_change()
        told = (await self.insist(asked, door=door)).json()
        self.acts.remove(asked)
        return self._act(
            "approve_change", Role.APPROVER, f"/vendor-changes/{told['id']}/approve",
            body={"content_hash": told["content_hash"]}, subject=asked.subject,
        )  # fmt: skip

    async def collect(self) -> Act:
        await self.approved(vendor_id="weser")
        body = {"currency": "EUR", "method": "provider"}
        return self._act("collect", Role.OPERATOR, "/payment-runs", key=token_hex(8), body=body)

    async def release(self) -> Act:
        await self.approved(vendor_id="weser")
        run = await self.payroll.collect(key=token_hex(8))
        return self._run("release", run)

    async def export(self) -> Act:
        return self._run("pain.001", await self._file(), method="GET")

    async def take(self) -> Act:
        """In of the bank's answer: one is paid, one is not."""
        run = await self._file()
        await self.payroll.export(run)
        return await self._report(run.id, "ACSC", "RJCT")

    # How it comes to that.

    async def bill(self, **changes: Any) -> VendorPayment:
        minor = 10_000 + 77 * next(self._numbers)
        unlike = {
            "bill_number": a_number(),
            "key": token_hex(8),
            "incident_id": f"inc_{token_hex(6)}",
        }
        return await self.office.enter(minor, **unlike | changes)

    async def approved(self, **changes: Any) -> VendorPayment:
        return await self.office.approved(await self.bill(**changes))

    async def failed(self) -> VendorPayment:
        """For a reason that may be gone a little later."""
        it = await self.approved()
        await self.town.outsides[0].turn("bank", {"decline_rate": 1})
        await self.office.settle(it)
        await self.town.outsides[0].turn("bank", {})
        await self.town.app.db.pool.execute(
            "update payments set failure_code = 'AM04' where id = $1 and status = 'failed'", it.id
        )
        return it

    async def _file(self) -> PaymentRun:
        for _ in range(2):
            await self.approved(vendor_id="sued")
        return await self.payroll.collect(RunMethod.FILE, key=token_hex(8))

    async def _report(self, run_id: RunId, *statuses: str) -> Act:
        shown = await self.payroll.see(run_id)
        lines = tuple(
            TransactionStatus(
                end_to_end_id=end_to_end_id(it.id), status=status, amount=it.amount,
                reason_code="AC04" if status == "RJCT" else None,
            )
            for it, status in zip(shown.payments.items, statuses, strict=True)
        )  # fmt: skip
        report = StatusReport(
            message_id=shown.run.message_id, group_status=None, transactions=lines
        )
        return self._act(
            "take", Role.OPERATOR, "/payment-runs/status-reports", subject=str(run_id),
            content=write_pain002(report, created_at=datetime.now(UTC)),
        )  # fmt: skip

    def _about(self, what: str, role: Role, payment_id: PaymentId, **more: Any) -> Act:
        path = f"/vendor-payments/{payment_id}/{what}"
        return self._act(what, role, path, subject=str(payment_id), **more)

    def _run(self, what: str, run: PaymentRun, **more: Any) -> Act:
        path = f"/payment-runs/{run.id}/{what}"
        return self._act(what, Role.OPERATOR, path, subject=str(run.id), **more)

    def _act(self, what: str, role: Role, path: str, **more: Any) -> Act:
        it = Act(what=what, role=role, path=f"/api/v1{path}", **more)
        self.acts.append(it)
        return it

    # Asking.

    async def once(self, it: Act, *, door: int = 0) -> httpx2.Response | None:
        """None: the connection broke."""
        headers = {"Idempotency-Key": it.key} if it.key else {}
        if it.content is not None:
            headers["Content-Type"] = "application/xml"
        try:
            async with self.town.caller(
                self.town.doors[door], timeout_s=40, role=it.role
            ) as caller:
                answer = await caller.request(
                    it.method, it.path, json=it.body, content=it.content, headers=headers
                )
        except httpx2.TransportError:
            return None
        if answer.status_code != 503:
            it.heard.append(answer)
        return answer

    async def insist(self, it: Act, *, door: int = 0) -> httpx2.Response:
        """Until somebody says what became of it. Where a request has no key, 409 says so."""

        async def answered() -> httpx2.Response | None:
            answer = await self.once(it, door=door)
            assert answer is None or answer.status_code in (200, 201, 202, 409, 503), answer.text
            return None if answer is None or answer.status_code == 503 else answer

        return await until(answered, what=it.path, every=0.1)


def a_number() -> str:
    """Of a bill like no other."""
    return f"{randbelow(10**12):012}"


@asynccontextmanager
async def team_on(
    url: str, folder: Path, *, settings: Mapping[str, str] = {}
) -> AsyncIterator[Team]:
    """A team on a fresh, migrated database. No API and no worker runs yet."""
    async with town_on(url, folder, seed=29, settings=SETTINGS | settings) as town:
        app, cause = town.app, prepare.system_cause()
        await ensure_chart(
            app.db, cause, accounts=chart(["EUR"], ["stripe"], ["partner_bank", "bank_files"])
        )
        async with app.db.snapshot() as tx:
            ids = await accounts_store.ids_by_code(tx, [PAYABLE, EXPENSE])
            found = await accounts_store.select(tx, list(ids.values()))
        booking = a_post(found[ids[EXPENSE]], found[ids[PAYABLE]], _BOOKED, at=datetime.now(UTC))
        await moved(app.db, booking)
        office = Office(app)
        await office.register("nordlicht")
        await office.register("weser", payout=PAYEE, payout_mode=PayoutMode.RUN)
        await office.register("sued", payout=IN_FILES)
        await office.register("later")
        await pause(town, "later", datetime.now(UTC) + timedelta(hours=20))
        yield Team(town, Payroll(office, app.file_terms))


async def pause(town: Town, vendor_id: str, until: datetime | None) -> None:
    await town.app.db.pool.execute(
        "update vendors set paused_until = $2 where id = $1", vendor_id, until
    )


async def begin(town: Town, *names: str) -> None:
    """Processes that are not there, or were killed."""
    for name in names:
        town.start(name)
    for name in names:
        if name.startswith("api"):
            await ready(town.processes[name])


# What must never be seen on file, not even right after a kill.
_NEVER = {
    "money is on hold for nothing": """
        select id from open_holds where not exists
            (select 1 from payments where payments.id = open_holds.id
                and status in ('processing', 'unknown'))""",
    "a payment is on its way, and nothing is on hold for it": """
        select id from payments where kind = 'vendor_payment'
           and status in ('processing', 'unknown')
           and not exists (select 1 from open_holds where open_holds.id = payments.id)""",
    "a payment has no bill": """
        select id from payments where kind = 'vendor_payment' and not exists
            (select 1 from vendor_payments where payment_id = payments.id)""",
    "a payment is approved without an approval of what it is": """
        select payment_id from vendor_payments where approved_at is not null and not exists
            (select 1 from approvals where subject_id = payment_id
                and approvals.content_hash = vendor_payments.content_hash)""",
    "a payment has left for other bank details than it was approved with": """
        select payment_id from vendor_payments join payments on payments.id = payment_id
          join vendors on vendors.id = payments.vendor_id
         where released_at is not null
           and vendor_payments.payout_version <> vendors.payout_version""",
    "a status changed twice, or nobody knows why": """
        select id from payments where kind = 'vendor_payment' and status <> 'pending_approval'
           and not exists (select 1 from payment_transitions where payment_id = payments.id
                              and after = payments.status)
         union all
        select payment_id from payment_transitions group by payment_id, after
        having count(*) > 1 and after <> 'unknown'""",
    "a change of bank details is in force and was not approved, or the other way around": """
        select id from vendors where payout_version <>
            1 + (select count(*) from vendor_changes
                  where vendor_id = vendors.id and status = 'approved')""",
    "a vendor whose bank details are to change is not paused": """
        select vendor_id from vendor_changes join vendors on vendors.id = vendor_id
         where vendor_changes.status = 'pending'
           and paused_until is distinct from vendor_changes.expires_at""",
    "a vendor whose bank details have changed is not paused for an hour after that": """
        select vendor_id from vendor_changes join vendors on vendors.id = vendor_id
         where vendor_changes.status = 'approved'
           and paused_until is distinct from decided_at + interval '1 hour'""",
    "a payment has left with a run that has not, or the other way around": """
        select payment_id from vendor_payments join payment_runs on payment_runs.id = run_id
         where (vendor_payments.released_at is not null)
            <> (payment_runs.status in ('released', 'completed'))""",
    "a run does not say what has left": """
        select id from payment_runs where status in ('released', 'completed') and payments <>
            (select count(*) from vendor_payments where run_id = payment_runs.id)""",
}


async def whole(town: Town) -> None:
    """What belongs together is there together, or none of it."""
    for what, query in _NEVER.items():
        rows = await town.app.db.pool.fetch(query)
        assert not rows, f"{what}: {[str(row[0]) for row in rows]}"
    # Who has left by a provider, or is to leave at some time, has a job that sees to it.
    rows = await town.app.db.pool.fetch(
        """
        select id, released_at is not null as has_left
          from payments join vendor_payments on payment_id = payments.id
         where status in ('processing', 'unknown') and provider <> 'bank_files'
           and (released_at is not null or release_at is not null)
        """
    )
    wanted = {
        f"{'settle' if row['has_left'] else 'release'}:{PaymentId.of(row['id'])}" for row in rows
    }
    queued = await town.app.db.pool.fetch(
        "select dedupe_key from pgqueuer where status in ('queued', 'picked')"
    )
    keys = {":".join((row["dedupe_key"] or "").split(":")[:2]) for row in queued}
    assert wanted <= keys, f"nobody will see to {wanted - keys}"


async def idle(town: Town) -> None:
    """Wait until nothing is due, and nothing that has left by a provider is open."""

    async def nothing_left() -> bool:
        return not await town.app.db.pool.fetchval(
            """
            select (select count(*) from payments join vendor_payments on payment_id = payments.id
                     where (status = 'unknown' or status = 'processing' and released_at is not null)
                       and provider <> 'bank_files')
                 + (select count(*) from pgqueuer
                     where status = 'picked'
                        or (status = 'queued' and execute_after <= now() + interval '2 s'))
            """
        )

    await until(nothing_left, seconds=180, what="everything to end", every=0.2)


async def all_is_well(team: Team, *, door: int = 0) -> None:
    """Everything is asked again, a worker does what is left, and the bank answers its files: then
    each was paid once or not at all, and the log has each step of it once."""
    for it in team.acts:
        await team.insist(it, door=door)
    await _runs_leave(team, door)
    await idle(team.town)
    await whole(team.town)
    wrong = [
        *_answers(team),
        *await _bank(team),
        *await _log(team.town),
        *await _soundness(team.town),
        *complaints(team.town.stage.processes),
    ]
    assert not wrong, "\n".join(wrong)


async def _runs_leave(team: Team, door: int) -> None:
    """Those that were only collected, and the answers to files of which none has come."""
    fetch = team.town.app.db.pool.fetch
    for row in await fetch("select id, method from payment_runs where status = 'collected'"):
        run = (await team.payroll.see(RunId.of(row["id"]))).run
        is_file = row["method"] == "file"
        it = team._run(
            "pain.001" if is_file else "release", run, method="GET" if is_file else "POST"
        )
        await team.insist(it, door=door)
    query = "select id from payment_runs where status = 'released' and method = 'file'"
    for row in await fetch(query):
        shown = await team.payroll.see(RunId.of(row["id"]))
        statuses = ("ACSC",) * len(shown.payments.items)
        await team.insist(await team._report(shown.run.id, *statuses), door=door)


def _answers(team: Team) -> Iterator[str]:
    """Whoever asks again is told of the same."""
    for it in team.acts:
        done = [answer for answer in it.heard if answer.status_code < 300]
        about = {answer.content if it.method == "GET" else answer.json()["id"] for answer in done}
        if len(about) > 1 or (it.key and len(about) != 1):
            yield f"{it.what} of {it.subject}: {[answer.text for answer in it.heard]}"


async def _bank(team: Team) -> Iterator[str]:
    """What the bank has carried out is what has succeeded here, and each of it once."""
    rows = await team.town.app.db.pool.fetch(
        "select id, status, amount_minor, provider from payments where kind = 'vendor_payment'"
    )
    ours = Counter(
        (str(PaymentId.of(row["id"])), row["amount_minor"])
        for row in rows
        if row["status"] == "succeeded" and row["provider"] != "bank_files"
    )
    entries = await asyncio.to_thread(team.town.outsides[0].now.books)
    theirs = Counter(
        (it["idempotency_key"], it["amount_minor"])
        for it in entries["payments"]
        if it["status"] == "settled"
    )
    return iter([f"{it}: here, and at the bank" for it in (ours - theirs) + (theirs - ours)])


_ONCE = (
    *("payment.created", "payment.approved", "payment.rejected", "payment.canceled"),
    *("payment.processing", "payment.completed", "payment.failed", "payment.unknown"),
    *("vendor_change.requested", "vendor_change.approved", "payment_run.collected"),
    *("payment_run.released", "payment_run.completed"),
)
_STEPS = {"payment.rejected": "rejected", "payment.canceled": "canceled",
          "payment.completed": "succeeded", "payment.failed": "failed"}  # fmt: skip


async def _log(town: Town) -> list[str]:
    """The log has each step once, and no step that was not taken."""
    fetch = town.app.db.pool.fetch
    wrong = [
        f"{row['n']} times {row['type']} of {row['subject']}"
        for row in await fetch(
            """
            select type, subject, count(*) as n from events where type = any($1)
             group by type, subject having count(*) > 1
            """,
            _ONCE,
        )
    ]
    rows = await fetch("select id, status from payments where kind = 'vendor_payment'")
    told = await fetch("select type, subject from events where type like 'payment.%'")
    for type, status in _STEPS.items():
        here = {str(PaymentId.of(row["id"])) for row in rows if row["status"] == status}
        there = {row["subject"] for row in told if row["type"] == type}
        wrong += [f"{type} of {it}" for it in here ^ there]
    votes = await fetch(
        """
        select subject_id, count(*) as n from approvals where carried_from is null
         group by subject_id, content_hash, person having count(*) > 1
        """
    )
    return wrong + [f"{row['n']} approvals of {row['subject_id']}" for row in votes]


async def _soundness(town: Town) -> list[str]:
    fetch, fetchval = town.app.db.pool.fetch, town.app.db.pool.fetchval
    report = await verify(town.app.db, at=prepare.system_cause().at)
    wrong = [f"verify: {it.invariant}: {it.rows}" for it in report.checks if it.broken]
    wrong += [
        f"a job of {row['entrypoint']} is dead: {row['payload']!r}"
        for row in await fetch("select entrypoint, payload from pgqueuer where status = 'failed'")
    ]
    wrong += [
        f"{row['code']} has money on hold"
        for row in await fetch(
            "select code from accounts where debits_pending > 0 or credits_pending > 0"
        )
    ]
    deadlocks = "select deadlocks from pg_stat_database where datname = current_database()"
    if found := await fetchval(deadlocks):
        wrong.append(f"{found} deadlocks")
    return wrong
