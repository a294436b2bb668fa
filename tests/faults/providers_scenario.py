"""One run: a plan is carried out on a town, the faults end, and all books are compared."""

import asyncio
import json
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
from tests.faults import providers_books as books
from tests.faults.providers_answers import answers_wrong
from tests.faults.providers_clients import Clients
from tests.faults.providers_patience import until_none_left, while_it_moves
from tests.faults.providers_plan import PROVIDERS, SIDES, Plan
from tests.faults.providers_town import Town, town_on
from tests.processes import Process, clear_out

_QUIET_S = 1.2  # what is late arrives; and sessions report deadlocks once a second
_ROUNDS_MAX = 20  # in each somebody may get a refund that was too large before
# What is written down of a run that went wrong.
_KEPT = (
    *("payments", "refunds", "provider_attempts", "payment_transitions", "provider_breakers"),
    *("pgqueuer", "queue_changes", "idempotency_keys", "ledger_transfers", "open_holds", "events"),
)
# Somebody who lost patience while asking.
_EXPECTED = ("client disconnected prematurely",)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """wrong: empty where all is as it has to be; folder: of logs and tables, where it is not"""

    plan: Plan
    wrong: Sequence[str]
    counts: dict[str, int]
    seconds: float
    folder: str | None

    def told(self) -> str:
        """For a person who wants to run it again; what is wrong first, where a log is cut short."""
        seed = self.plan.seed
        if not self.wrong:
            return f"seed {seed}: sound in {self.seconds:.0f} s, {self.counts}"
        return "\n".join(
            [
                f"seed {seed} after {self.seconds:.0f} s, {self.counts}:",
                *(f"✗ {it}" for it in self.wrong),
                f"run it again with: make faults SEED={seed} PAYMENTS={len(self.plan.askings)}",
                f"logs and tables: {self.folder}",
                self.plan.told(),
            ]
        )


async def run_plan(url: str, plan: Plan) -> Outcome:
    """On a fresh, migrated database. The folder stays if something is wrong."""
    folder = Path(tempfile.mkdtemp(prefix=f"paywright-faults-{plan.seed}-", dir="/tmp"))
    folder.chmod(0o755)
    began = time.monotonic()
    counts: Counter[str] = Counter()
    try:
        async with town_on(url, folder, seed=plan.seed, settings=plan.settings) as town:
            wrong = await _run(town, plan, counts)
            if wrong:
                await _keep(town, folder)
    except Exception:
        wrong = [f"the run broke off: {traceback.format_exc()}"]
    finally:
        await asyncio.to_thread(clear_out, folder)
    seconds = time.monotonic() - began
    if not wrong:
        await asyncio.to_thread(_discard, folder)
    return Outcome(
        plan=plan,
        wrong=wrong,
        counts=dict(counts),
        seconds=seconds,
        folder=str(folder) if wrong else None,
    )


async def _run(town: Town, plan: Plan, counts: Counter[str]) -> list[str]:
    async with Clients(town, plan) as clients:
        try:
            await town.start_all()
            await _trouble(town, plan, clients)
            calm_at = time.monotonic()
            await all_ended(town)
            counts["ended_in_ms"] = round(1000 * (time.monotonic() - calm_at))
            await all_answered(town, clients)
        except (AssertionError, TimeoutError, ExceptionGroup) as error:
            wrong = [f"it does not come to an end: {error!r}", *clients.wrong]
            return wrong + await _books_as_they_are(town)
        await asyncio.sleep(_QUIET_S)
        found = await books.read_books(town)
        counts.update(f"{it.kind} {it.status}" for it in found.ours)
        counts.update(answers_lost=clients.lost, carried_out=len(found.theirs))
        return await all_wrong(town, plan, clients)


async def _books_as_they_are(town: Town) -> list[str]:
    """What is wrong with the books, where they can be read: an outside may be gone for good."""
    try:
        return books.compare(await books.read_books(town))
    except Exception as error:
        return [f"the books cannot be read: {error!r}"]


async def all_wrong(town: Town, plan: Plan, clients: Clients) -> list[str]:
    """All that is not as it has to be, once everything has ended."""
    found = await books.read_books(town)
    return [
        *clients.wrong,
        *books.compare(found),
        *answers_wrong(plan, clients.requests, found),
        *await books.money(town, found),
        *await books.soundness(town),
        *await books.reconciled(town, found),
        *complaints(town.stage.processes),
    ]


async def _trouble(town: Town, plan: Plan, clients: Clients) -> None:
    """Clients ask while things go wrong; then nothing does any more, and they get their answers."""
    async with asyncio.TaskGroup() as asking:
        askers = [asking.create_task(clients.carry_out(it)) for it in plan.askings]
        async with asyncio.TaskGroup() as suffering:
            for step in plan.steps:
                suffering.create_task(town.suffer(step))
        await calm_down(town)
        what = "an answer to clients"
        await while_it_moves(asyncio.wait(askers), lambda: clients.progress, what=what)


async def calm_down(town: Town) -> None:
    """Nothing goes wrong from now on."""
    for outside in town.outsides:
        for side in SIDES:
            await outside.turn(side, {})
    await town.start_all()
    for provider in PROVIDERS:
        await town.keep_breaker(provider, "automatic")


async def all_answered(town: Town, clients: Clients) -> None:
    """Ask for everything again, until nothing new comes of it: what was refused may be possible by
    now, a refund where another one has failed."""
    for _ in range(_ROUNDS_MAX):
        what = "answers to what is asked again"
        await while_it_moves(clients.ask_again(), lambda: clients.progress, what=what)
        await all_ended(town)
        if not clients.someone_waits:
            return
    raise AssertionError(f"somebody is not told how it ended, asked for {_ROUNDS_MAX} times")


async def all_ended(town: Town) -> None:
    """Wait until nothing is open, and no job is due or under way."""
    fetchval = town.app.db.pool.fetchval

    async def left() -> int:
        return await fetchval(
            """
            select (select count(*) from payments where status in ('processing', 'unknown'))
                 + (select count(*) from refunds where status in ('processing', 'unknown'))
                 + (select count(*) from pgqueuer
                     where status = 'picked' or (status = 'queued' and execute_after <= now()))
            """
        )

    await until_none_left(left, what="everything to end")


def complaints(processes: Sequence[Process]) -> list[str]:
    """What no process should say, whatever goes wrong around it. Each kind once."""
    found: dict[str, str] = {}
    for process in processes:
        for line in process.complained().splitlines():
            if line.startswith("Traceback"):
                found.setdefault(line, f"{process.name}: {line}")
            elif '"level":"error"' in line and not any(it in line for it in _EXPECTED):
                told = json.loads(line)
                what = [told["event"], *(it["exc_value"] for it in told.get("exception", ()))]
                about = {k: v for k, v in told.items() if k not in ("exception", "stack")}
                found.setdefault(f"{what}{told.get('why')}", f"{process.name}: {what} {about}")
    return list(found.values())


async def _keep(town: Town, folder: Path) -> None:
    for table in _KEPT:
        rows = await town.app.db.pool.fetch(f"select * from {table}")
        lines = [json.dumps(dict(row), default=str) for row in rows]
        (folder / f"{table}.jsonl").write_text("\n".join(lines))


def _discard(folder: Path) -> None:
    """folder: made by mkdtemp, above. Only what a run leaves there, and no folder of others."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink()
    folder.rmdir()
