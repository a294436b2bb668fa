"""API and worker are killed between any two writes of what is done about a vendor payment: all that
belongs together was written or none of it, and each is paid once or not at all."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.faults.stage import holding, ready, waiting_on_lock
from tests.faults.vendor_stage import Act, Team, all_is_well, begin, pause, team_on, whole
from tests.processes import until

from paywright.cli.prepare import system_cause
from paywright.payment_runs.tasks import ask_to_make_runs

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

API, WORKER = "paywright-api", "paywright-worker"
_LOCK = "lock table {} in share row exclusive mode"
# What each group of acts writes. In a group at most one moves money: others would wait for it.
_GROUPS = {
    "approve": (
        *("accounts", "approvals", "events", "idempotency_keys", "incidents", "ledger_transfers"),
        *("open_holds", "payment_transitions", "payments", "pgqueuer", "vendor_changes"),
        *("vendor_payments", "vendors"),
    ),
    "cancel": (
        *("accounts", "approvals", "events", "idempotency_keys", "ledger_transfers"),
        *("open_holds", "payment_runs", "payment_transitions", "payments", "vendor_changes"),
        *("vendor_payments", "vendors"),
    ),
    "repeat": (
        *("accounts", "approvals", "events", "ledger_transfers", "open_holds", "payment_runs"),
        *("payment_transitions", "payments", "pgqueuer", "vendor_payments"),
    ),
    "files": (
        *("accounts", "events", "ledger_transfers", "open_holds", "payment_run_reports"),
        *("payment_runs", "payment_transitions", "payments", "pgqueuer", "vendor_payments"),
    ),
}


@pytest.fixture
async def team(database_url: str, folder: Path) -> AsyncIterator[Team]:
    async with team_on(database_url, folder) as team:
        yield team


async def acts_of(team: Team, group: str, door: int) -> list[Act]:
    match group:
        case "approve":
            return [
                team.create(),
                await team.approve(),
                await team.reject(),
                await team.request_change(),
            ]
        case "cancel":
            return [
                await team.cancel(),
                await team.approve_change(door),
                await team.collect(),
            ]
        case "repeat":
            return [await team.release(), await team.repeat()]
    return [await team.export(), await team.take()]


@pytest.mark.parametrize("group", list(_GROUPS))
async def test_an_api_killed_between_two_writes_leaves_all_of_them_or_none(
    team: Team, group: str
) -> None:
    town = team.town
    doors = ("api-0", "api-1")
    await begin(town, *doors)
    for number, table in enumerate(_GROUPS[group]):
        door = number % 2
        acts = await acts_of(team, group, door)
        async with holding(town.stage.url, _LOCK.format(table)):
            under_way = asyncio.gather(*(team.once(it, door=door) for it in acts))
            await waiting_on_lock(town.app.db, API)
            await asyncio.sleep(0.2)  # the others get as far as they can
            town.processes[doors[door]].kill()
            assert None in await under_way, f"killed too late for {table}"
        await whole(town)
        town.start(doors[door])  # it is there when it is its turn again
        for it in acts:
            await team.insist(it, door=1 - door)
        await ready(town.processes[doors[door]])
    town.start("worker-0")
    await all_is_well(team)


# What a worker writes about all that it is asked to do here.
_WORKED_ON = (
    *("accounts", "approvals", "events", "ledger_transfers", "open_holds", "payment_runs"),
    *("payment_transitions", "payments", "provider_attempts", "vendor_payments"),
)


async def work_to_do(team: Team) -> None:
    """Of each kind: what leaves later, what is with the bank, what has failed, what waits for a
    run."""
    town = team.town
    await team.approved()
    await team.failed()
    await team.approved(vendor_id="weser")
    await pause(town, "later", datetime.now(UTC) + timedelta(seconds=1))
    await team.approved(vendor_id="later")
    async with town.app.db.transaction() as tx:
        at = datetime.now(UTC)
        await ask_to_make_runs(tx, system_cause(), at, ["EUR"])


async def hangs_at(team: Team, table: str) -> None:
    """Or say what the worker does instead."""
    try:
        await waiting_on_lock(team.town.app.db, WORKER)
    except AssertionError as error:
        worker = team.town.processes["worker-0"]
        end = "runs" if worker.is_running() else "has ended"
        raise AssertionError(f"{table}: {error}; it {end}: {worker.complained()}") from None


@pytest.mark.parametrize("tables", [_WORKED_ON[:5], _WORKED_ON[5:]], ids=["first", "second"])
async def test_a_worker_killed_between_two_writes_pays_each_once(
    team: Team, tables: tuple[str, ...]
) -> None:
    town = team.town
    for table in tables:
        await work_to_do(team)
        await asyncio.sleep(1.2)
        async with holding(town.stage.url, _LOCK.format(table)):
            town.start("worker-0")
            await hangs_at(team, table)
            await asyncio.sleep(0.5)
            town.processes["worker-0"].kill()
        await whole(town)
    await begin(town, "worker-0", "api-0")
    await all_is_well(team)
    unpaid = "select count(*) from payments where kind = 'vendor_payment' and status <> 'failed'"
    paid = unpaid.replace("<> 'failed'", "= 'succeeded'")
    fetchval = town.app.db.pool.fetchval
    assert await fetchval(unpaid) == await fetchval(paid) >= 4 * len(tables)


@pytest.mark.parametrize(
    "knobs",
    [{"error_after_apply_rate": 1}, {"latency": {"ms": 3_500}}],
    ids=["an error after it was done", "no answer in time"],
)
async def test_a_payout_whose_answer_is_lost_is_unknown_and_then_looked_up_once(
    team: Team, knobs: dict[str, Any]
) -> None:
    town = team.town
    await begin(town, "api-0")
    await town.outsides[0].turn("bank", knobs)
    acts = [await team.approve() for _ in range(5)]
    for it in acts:
        await team.insist(it)
    town.start("worker-0")
    fetchval = town.app.db.pool.fetchval

    async def nobody_knows() -> bool:
        unknown = "select count(*) from payment_transitions where after = 'unknown'"
        return await fetchval(unknown) == len(acts)

    await until(nobody_knows, what="five answers to be lost", every=0.05)
    assert await fetchval("select count(*) from open_holds") == len(acts)
    await town.outsides[0].turn("bank", {})
    await all_is_well(team)
    paid = "select count(*) from payments where status = 'succeeded' and vendor_id is not null"
    assert await fetchval(paid) == len(acts)
    submitted = "select count(*) from provider_attempts where call = 'submit'"
    assert await fetchval(submitted) == len(acts)


class Listener:
    """Somebody who is told of events, one at a time, and takes a while for each."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.url = ""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
                self.heard.append(msgspec.json.decode(await reader.readexactly(length)))
                await asyncio.sleep(0.02)
                writer.write(b"HTTP/1.1 204 X\r\ncontent-length: 0\r\n\r\n")
                await writer.drain()
        writer.close()

    async def hears(self, count: int) -> None:
        async def enough() -> bool:
            return len({it["id"] for it in self.heard}) >= count

        await until(enough, what=f"{count} events to be told", every=0.02)


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    it = Listener()
    server = await asyncio.start_server(it, "127.0.0.1", 0)
    it.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/events"
    yield it
    server.close()


async def test_a_worker_killed_while_it_tells_of_events_loses_none_and_keeps_their_order(
    database_url: str, folder: Path, listener: Listener
) -> None:
    settings = {"EVENTS_SINK_URL": listener.url}
    async with team_on(database_url, folder, settings=settings) as team:
        town = team.town
        payments = [await team.bill() for _ in range(60)]
        for it in payments[:30]:
            await team.office.approved(it)
        town.start("worker-0")
        await listener.hears(40)
        town.processes["worker-0"].kill()
        async with holding(town.stage.url, _LOCK.format("publishing_cursors")):
            town.start("worker-0")
            await waiting_on_lock(town.app.db, WORKER)
            town.processes["worker-0"].kill()
        await begin(town, "worker-0", "api-0")
        await all_is_well(team)
        rows = await town.app.db.pool.fetch("select id, subject from events order by sequence")
        await listener.hears(len(rows))
    first: dict[str, list[int]] = {}
    known: set[str] = set()
    for event in listener.heard:
        if event["id"] not in known:
            known.add(event["id"])
            first.setdefault(event["subject"], []).append(int(event["sequence"]))
    assert len(known) >= len(rows)
    assert all(it == sorted(it) for it in first.values())
