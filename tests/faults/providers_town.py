"""A small world of real processes, to be broken: two API processes, two workers, and two outsides,
each a bank and a Stripe of its own, the second of which stands in for the first."""

import asyncio
import contextlib
import signal
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
from tests.faults.providers_outside import Outside
from tests.faults.providers_patience import START_S
from tests.faults.providers_plan import CURRENCIES, WALLETS, Step
from tests.faults.stage import Stage
from tests.ledger.building import a_post, moved, opened
from tests.processes import KeptPort, Process, until
from tests.simulator.simulating import TOKEN
from tests.simulator.striping import KEY as STRIPE_KEY

from paywright.cli import prepare
from paywright.core.ids import AccountId
from paywright.customers.model import Customer
from paywright.customers.register import register_customer
from paywright.identity.permissions import Role
from paywright.kyc.decide import decide_by_hand
from paywright.kyc.model import KycStatus
from paywright.ledger import accounts_store
from paywright.ledger.chart import chart, ensure_chart
from paywright.screening.load import load_list
from paywright.settings import read_settings
from paywright.wiring import App, build

START = {"EUR": 1_000_000, "USD": 500_000, "JPY": 20_000}  # of each wallet, in minor units
_LISTED = b"""id,name,kind,aliases,birth_date,country,programs,identifiers
1,"MORVANE, Ulric Casimir",person,Ulrich Morvane,,,TEST,
"""
# Long enough that nothing is given up before the faults end: 51 s.
_LOOK_UP_MS = ",".join(map(str, (200, 400, 800, 1500, *[3000] * 16)))
# Every change of the queue, for a person who looks for a job that is missing.
_TRACED = """
    create table queue_changes (
        at timestamptz not null default clock_timestamp(), what text, id integer, key text,
        status text, execute_after timestamptz, picked_by uuid
    );
    create function trace_queue() returns trigger language plpgsql as $$
    declare it pgqueuer := case when TG_OP = 'DELETE' then old else new end;
    begin
        insert into queue_changes (what, id, key, status, execute_after, picked_by)
        values (TG_OP, it.id, it.dedupe_key, it.status, it.execute_after, it.queue_manager_id);
        return null;
    end $$;
    create trigger traced after insert or update of status, execute_after or delete on pgqueuer
        for each row execute function trace_queue();
"""
_SHORT = {
    "PARTNER_BANK_TOKEN": TOKEN,
    "BACKUP_BANK_TOKEN": TOKEN,
    "PARTNER_BANK_TIMEOUT_MS": 500,
    "STRIPE_API_KEY": STRIPE_KEY,
    "STRIPE_BACKUP_API_KEY": STRIPE_KEY,
    "STRIPE_TIMEOUT_MS": 500,
    "PROVIDER_ROUTES": "charge=stripe,stripe_backup;payout=partner_bank,backup_bank",
    "PAYMENT_MAX_RETRIES": 1,
    "PAYMENT_BACKOFF_MS": "20,60",
    "PAYMENT_DEADLINE_MS": 2000,
    "PAYMENT_LOOK_UP_MS": _LOOK_UP_MS,
    "PAYMENT_CONCURRENCY": 64,
    "CIRCUIT_BREAKER_FAILURE_THRESHOLD": 4,
    "CIRCUIT_BREAKER_WINDOW_MS": 2000,
    "CIRCUIT_BREAKER_COOLDOWN_MS": 300,
    "CIRCUIT_BREAKER_PROBES": 1,
    "PROVIDER_DRAIN_PER_S": 100,
    "QUEUE_LEASE_MS": 1000,
    # Each death of a worker, or a heartbeat that is late, counts as one.
    "QUEUE_MAX_RETRIES": 20,
    "DATABASE_POOL_MAX": 6,
    "LOG_LEVEL": "info",
}
# Of our own way in: a statement is read when nothing goes wrong any more.
_UNHURRIED = {"PARTNER_BANK_TIMEOUT_MS": 20_000, "STRIPE_TIMEOUT_MS": 20_000}


class Town:
    """The processes by their names, and our own way into the books."""

    def __init__(
        self, stage: Stage, app: App, outsides: list[Outside], settings: dict[str, Any]
    ) -> None:
        self.stage, self.app, self.outsides = stage, app, outsides
        self._settings = settings
        self.wallets: dict[str, list[str]] = {}
        self.processes: dict[str, Process] = {}
        self._ports = {f"api-{i}": KeptPort() for i in (0, 1)}
        self._one_by_one: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @property
    def doors(self) -> list[str]:
        """The URLs of the APIs."""
        return [f"http://127.0.0.1:{port.number}" for port in self._ports.values()]

    def close(self) -> None:
        """Give the ports back."""
        for port in self._ports.values():
            port.close()

    def start(self, name: str) -> None:
        """A process of ours, at once; it may not be ready yet."""
        if name.startswith("api"):
            port = self._ports[name].number
            self.processes[name] = self.stage.start("serve", PORT=port, **self._settings)
        else:
            self.processes[name] = self.stage.start("work", **self._settings)

    async def start_all(self) -> None:
        for name in (*self._ports, "worker-0", "worker-1"):
            if name not in self.processes or not self.processes[name].is_running():
                self.start(name)
        await self.are_ready()

    async def are_ready(self) -> None:
        for name in self._ports:
            process = self.processes[name]

            async def serves(process: Process = process) -> bool:
                return await asyncio.to_thread(process.answers)

            await until(serves, seconds=START_S, what=name, every=0.1)

    async def hangs(self, application: str) -> None:
        """Wait until one of its statements waits for a lock: certainly in the middle."""

        async def is_waiting() -> bool:
            return await self.app.db.pool.fetchval(
                """
                select exists (select from pg_stat_activity
                                where datname = current_database() and application_name = $1
                                  and wait_event_type = 'Lock')
                """,
                application,
            )

        await until(is_waiting, seconds=START_S, what=f"{application} to hang on a lock")

    async def suffer(self, step: Step) -> None:
        """Have it go wrong, for as long as it lasts."""
        await asyncio.sleep(step.at_s)
        match step.what:
            case "kill" | "pause":
                # Where starting takes its time the next step is due before: it waits, or there
                # would be two of them.
                async with self._one_by_one[step.whom]:
                    await (self._kill if step.what == "kill" else self._pause)(step)
            case "knobs":
                number, side = step.whom.split(":")
                await self.outsides[int(number)].turn(side, step.knobs)
                await asyncio.sleep(step.lasts_s)
                await self.outsides[int(number)].turn(side, {})
            case "breaker":
                await self.keep_breaker(step.whom, step.state)
                await asyncio.sleep(step.lasts_s)
                await self.keep_breaker(step.whom, "automatic")

    async def _kill(self, step: Step) -> None:
        if step.whom.startswith("outside"):
            outside = self.outsides[int(step.whom[-1])]
            await outside.kill()
            await asyncio.sleep(step.lasts_s)
            await outside.start()
            return
        await asyncio.to_thread(self.processes[step.whom].kill)
        await asyncio.sleep(step.lasts_s)
        self.start(step.whom)

    async def _pause(self, step: Step) -> None:
        """As when a machine stalls: it goes on later as if nothing had been."""
        is_outside = step.whom.startswith("outside")
        process = (
            self.outsides[int(step.whom[-1])].now.process
            if is_outside
            else self.processes[step.whom]
        )
        process.send(signal.SIGSTOP)
        try:
            await asyncio.sleep(step.lasts_s)
        finally:
            process.send(signal.SIGCONT)

    async def keep_breaker(self, provider: str, state: str) -> None:
        """As an operator does, who asks until somebody answers."""
        path = f"/api/v1/providers/{provider}/breaker"
        body = {"state": state, "reason": "a drill"}

        async def is_kept() -> bool:
            for door in self.doors:
                with contextlib.suppress(httpx2.TransportError):
                    async with self.caller(door, timeout_s=15, role=Role.ADMIN) as caller:
                        answer = await caller.post(path, json=body)
                    assert answer.status_code in (200, 503), answer.text
                    if answer.status_code == 200:
                        return True
            return False

        await until(is_kept, seconds=START_S, what=f"{provider} to be kept {state}", every=0.1)

    def caller(
        self, door: str, *, timeout_s: float, role: Role = Role.OPERATOR
    ) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            base_url=door,
            headers={"Authorization": f"Bearer {self.stage.keys[role]}"},
            timeout=timeout_s,
            limits=httpx2.Limits(max_connections=200),
        )


def _settings(outsides: list[Outside]) -> dict[str, Any]:
    first, second = (it.now.urls for it in outsides)
    return {
        **_SHORT,
        "PARTNER_BANK_URL": first["bank"],
        "BACKUP_BANK_URL": second["bank"],
        "STRIPE_API_BASE": first["stripe"],
        "STRIPE_BACKUP_API_BASE": second["stripe"],
    }


@asynccontextmanager
async def town_on(
    url: str, folder: Path, *, seed: int, settings: Mapping[str, str] = {}
) -> AsyncIterator[Town]:
    """A town on a fresh, migrated database. No API and no worker runs yet."""
    outsides: list[Outside] = []
    stage = Stage(url, folder, {})
    try:
        for number in (0, 1):
            outside = await asyncio.to_thread(Outside, folder, number, seed + number)
            outsides.append(outside)  # one by one: each is closed, whatever becomes of the next
        ours = _settings(outsides) | settings
        environ = {name: str(value) for name, value in (ours | _UNHURRIED).items()}
        read = read_settings(environ | {"PAYWRIGHT_DATA_DIR": str(folder)}, folder / "none")
        app = await build(read, url=url, application="paywright-test")
        try:
            await app.db.pool.execute(_TRACED)
            await prepare.ensure_rules(app)
            stage.keys = await prepare.ensure_development_keys(app, folder / "keys.json")
            town = Town(stage, app, outsides, ours)
            try:
                town.wallets = await _wallets(app)
                yield town
            finally:
                town.close()
        finally:
            await app.close()
    finally:
        await stage.close()
        for outside in outsides:
            outside.close()


async def _wallets(app: App) -> dict[str, list[str]]:
    """Of each currency some, of customers whom we know, with money from nowhere in them."""
    cause = prepare.system_cause()
    await load_list(app.db, cause, name="test", source=_LISTED)
    currencies = sorted(set(CURRENCIES))
    providers, banks = ("stripe", "stripe_backup"), ("partner_bank", "backup_bank")
    await ensure_chart(app.db, cause, accounts=chart(currencies, providers, banks))
    for number in range(WALLETS):
        customer = Customer(
            id=f"payer_{number}",
            name=f"Ilse Tester {number}",
            customer_since=datetime(2025, 1, 1, tzinfo=UTC),
        )
        await register_customer(app.db, app.keys, cause, customer=customer)
        await decide_by_hand(
            app.db, app.keys, cause, customer_id=customer.id, status=KycStatus.VERIFIED,
            reason="seen",
        )  # fmt: skip
    wallets: dict[str, list[str]] = {}
    for currency in currencies:
        async with app.db.snapshot() as tx:
            ids = await accounts_store.ids_by_code(tx, [f"opening:balances:{currency}"])
            (source,) = (await accounts_store.select(tx, list(ids.values()))).values()
        for number in range(WALLETS):
            wallet = await opened(app.db, owner=f"payer_{number}", currency=currency)
            await moved(app.db, a_post(source, wallet, START[currency]))
            wallets.setdefault(currency, []).append(str(AccountId.of(wallet.id)))
    return wallets
