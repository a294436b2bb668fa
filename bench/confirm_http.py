"""Confirming transfers over HTTP: one run of one variant, on a fresh copy of the template."""

import os
import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import msgspec

from bench import confirm_checks, confirm_fill, confirm_workload
from bench.ledger_http import CONNECTIONS, IDLE, Figures, Run, Variant
from bench.load import Loaded
from bench.stack import BenchFailed, Server
from paywright.core.actor import SYSTEM
from paywright.core.cause import Cause
from paywright.db.pool import Database

LIMIT = 1_000_000_000  # requests a minute: counted, and never refused
WARM_UP = 8  # of the whole, a part of this size
_API = "bench.confirm_api"


class Plan(msgspec.Struct, frozen=True):
    """One kind of transfer. `is_full`: between accounts of customers, by somebody who has signed
    in, counted and weighed; else between accounts of the house, by an API key."""

    name: str
    is_full: bool

    def variant(self, *options: str) -> Variant:
        limit = str(LIMIT if self.is_full else 0)
        return Variant(self.name, (_API, "--limit", limit, *options))


BARE = Plan("bare", is_full=False)
FULL = Plan("full", is_full=True)
PLANS = (BARE, FULL)


class Confirming(Run):
    """One API process. `secret`: what its callers show."""

    secret = ""

    async def confirm(self, count: int, *, connections: int = CONNECTIONS) -> list[Loaded]:
        self._seed += 1
        requests = confirm_workload.requests(count, seed=self._seed, secret=self.secret)
        return await self._post(requests, connections=connections, transfers=count)

    @property
    def asked(self) -> int:
        """How many transfers so far."""
        return self._asked

    async def sign_in(self) -> None:
        """From now on with the access token of a user."""
        (api,) = self.apis
        body = {"email": confirm_fill.EMAIL, "password": confirm_fill.PASSWORD}
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{api.port}") as client:
            answer = await client.post("/api/v1/sessions", json=body)
        if answer.status_code != 201:
            raise BenchFailed(f"nobody can sign in: {answer.text}")
        self.secret = answer.json()["access_token"]

    async def wrong(self, *, assessed: int = 0) -> list[str]:
        found = await super().wrong()
        return found + await confirm_checks.violations(self.url, assessed=assessed)


async def database_of(server: Server, plan: Plan, name: str) -> str:
    """A fresh database with the accounts of the plan; its URL."""
    url = await server.fresh_database(name)
    db = await Database.connect(url, connections_max=2)
    try:
        cause = Cause(SYSTEM, datetime.now(UTC), request_id="bench")
        await confirm_fill.open_accounts(db, cause, of_customers=plan.is_full)
    finally:
        await db.close()
    return url


async def measure(server: Server, plan: Plan, count: int) -> tuple[Figures, list[str]]:
    """The figures of `count` transfers, and what is wrong with the books after them."""
    return await _run(server, plan, count, plan.variant())


async def profile(server: Server, plan: Plan, count: int) -> tuple[Figures, list[str]]:
    """Processor time of the API process for one transfer, in microseconds by subject."""
    file = server.folder / f"samples-{plan.name}.json"
    variant = plan.variant("--samples", str(file))
    figures, wrong = await _run(server, plan, count, variant, samples=file)
    shares = msgspec.json.decode(file.read_bytes(), type=Figures)
    found = {name: round(share * figures["us_api"], 1) for name, share in shares.items()}
    return dict(sorted(found.items(), key=lambda it: -it[1])), wrong


async def _run(
    server: Server, plan: Plan, count: int, variant: Variant, *, samples: Path | None = None
) -> tuple[Figures, list[str]]:
    name = f"bench_{plan.name}"
    run = Confirming(server, variant, await database_of(server, plan, name))
    run.secret = server.secret
    try:
        for api in run.apis:
            await api.wait_until_listening()
        if plan.is_full:
            await run.sign_in()
        await run.confirm(count // WARM_UP)
        if samples is not None:
            os.kill(int(samples.read_text()), signal.SIGUSR1)
        figures = _speed(await run.confirm(count))
        figures |= {f"us_{what}": us for what, us in run.spent.items()}
        if samples is None:
            idle = _speed(await run.confirm(IDLE, connections=1))
            figures |= {f"idle_{what}": value for what, value in idle.items()}
        figures["memory_mb"] = round(max(api.memory_mb() for api in run.apis), 1)
        wrong = await run.wrong(assessed=run.asked if plan.is_full else 0)
    finally:
        run.stop()
    await server.drop(name)
    return figures, wrong


def _speed(loaded: Sequence[Loaded]) -> Figures:
    (it,) = loaded
    return {
        "per_second": round(it.per_second, 1),
        "p50_ms": round(it.percentile_ms(50), 2),
        "p99_ms": round(it.percentile_ms(99), 2),
    }
