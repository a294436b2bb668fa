"""What the making of transfers waits for, statement by statement: without HTTP, in this process."""

import time
from datetime import UTC, datetime

from bench import ledger_workload as workload
from bench.confirm_http import Plan, database_of
from bench.confirm_workload import various
from bench.ledger_http import Figures
from bench.ledger_watch import Timed
from bench.stack import BenchFailed, Server
from paywright.api.movement_answers import RENDER
from paywright.core.actor import SYSTEM
from paywright.core.cause import Cause
from paywright.payments.move import move_money
from paywright.payments.orders import Answered
from paywright.settings import Settings
from paywright.telemetry.request_id import new_request_id
from paywright.wiring import build

BATCH = 128
_SEED = 1_000


async def statements(server: Server, plan: Plan, count: int) -> Figures:
    """Microseconds of one transfer, by the function that asked; `elsewhere`: all the rest of the
    time, in which nothing was waited for. Batches of 128, as 128 connections make them."""
    name = f"bench_{plan.name}"
    url = await database_of(server, plan, name)
    settings = Settings(paywright_data_dir=server.folder / "data")
    app = await build(settings, url=url, application="bench", connections_max=2)
    try:
        db = Timed(app.db.pool)
        cause = Cause(SYSTEM, datetime.now(UTC), new_request_id(), "127.0.0.1")
        warm_up = BATCH * 8
        wishes = various(warm_up + count, seed=_SEED)
        started = time.perf_counter()
        for number, orders in enumerate(workload.orders(wishes, cause, BATCH)):
            if number * BATCH == warm_up:
                db.spent.clear()
                started = time.perf_counter()
            answers = await move_money(db, orders, render=RENDER, checks=app.checks)
            if any(not isinstance(it, Answered) for it in answers):
                raise BenchFailed("a transfer was refused")
        wall = time.perf_counter() - started
    finally:
        await app.close()
    await server.drop(name)
    spent = {**db.spent, "elsewhere": wall - sum(db.spent.values())}
    found = {what: round(seconds / count * 1e6, 1) for what, seconds in spent.items()}
    return dict(sorted(found.items(), key=lambda it: -it[1]))
