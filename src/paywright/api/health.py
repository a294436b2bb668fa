"""Is it alive, is it ready, how is it doing. For probes and Prometheus: no key needed."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec
from litestar import Response, get

from paywright import __version__
from paywright.api.auth import PUBLIC
from paywright.db.pool import Database
from paywright.issues.views import count_by_status
from paywright.jobs.dead_letters import depth
from paywright.rulesets import store as rulesets
from paywright.telemetry import metrics
from paywright.wiring import RULE_SETS, App

_PUBLIC = {"permission": PUBLIC}


class Alive(msgspec.Struct, frozen=True):
    status: Literal["ok"]
    version: str


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """`detail` says what is wrong; `ms` is how long it took to find out."""

    status: Literal["ok", "failing"]
    ms: float
    detail: str | None = None


class Readiness(msgspec.Struct, frozen=True):
    status: Literal["ok", "failing"]
    checks: dict[str, Check]


@get("/health", opt=_PUBLIC)
async def get_health() -> Alive:
    """The process is alive. Says nothing about what it depends on."""
    return Alive("ok", __version__)


@get("/health/ready", opt={**_PUBLIC, "also": (503,)})
async def get_ready(app: App) -> Response[Readiness]:
    """Everything that is needed to serve answers, each checked within HEALTH_CHECK_TIMEOUT_MS."""
    timeout_s = app.settings.health_check_timeout_ms / 1000
    names = {"database": _database, "queue": _queue, "rules": _rules}
    found = await asyncio.gather(*(_check(check, app.db, timeout_s) for check in names.values()))
    checks = dict(zip(names, found, strict=True))
    ready = all(check.status == "ok" for check in found)
    body = Readiness("ok" if ready else "failing", checks)
    return Response(body, status_code=200 if ready else 503)


@get("/metrics", opt=_PUBLIC, media_type="text/plain")
async def get_metrics(app: App) -> Response[bytes]:
    """Measurements of all processes of this installation, for Prometheus."""
    timeout_s = app.settings.health_check_timeout_ms / 1000
    samples: list[metrics.Sample] = []
    try:
        async with asyncio.timeout(timeout_s):
            samples = await _gauges(app.db)
        up = 1.0
    except Exception:
        up = 0.0
    samples.append(metrics.Sample(name="database_up", value=up, help="The database answers."))
    body, content_type = metrics.render(samples)
    return Response(body, headers={"content-type": content_type})


async def _gauges(db: Database) -> list[metrics.Sample]:
    issues = {status.value: float(n) for status, n in (await count_by_status(db)).items()}
    async with db.snapshot() as tx:
        queues = await depth(tx)
    waiting = [
        metrics.Sample(
            name="jobs_waiting",
            value=getattr(queue, state),
            labels={"task": queue.task, "state": state},
            help="Jobs that are queued, picked by a worker, or dead (failed).",
        )
        for queue in queues
        for state in ("queued", "picked", "failed")
    ]
    ages = {queue.task: queue.oldest_age_seconds for queue in queues}
    return [
        *metrics.gauges("issues", issues, label="status", help="Issues that are not resolved."),
        *waiting,
        *metrics.gauges(
            "jobs_oldest_age_seconds", ages, label="task", help="Age of the longest waiting job."
        ),
    ]


async def _check(
    probe: Callable[[Database], Awaitable[object]], db: Database, timeout_s: float
) -> Check:
    started = time.perf_counter()
    detail: str | None = None
    try:
        async with asyncio.timeout(timeout_s):
            await probe(db)
    except TimeoutError:
        detail = f"no answer within {timeout_s:g} s"
    except Exception as error:
        detail = type(error).__name__  # no text: it may name hosts and users
    ms = round((time.perf_counter() - started) * 1000, 2)
    return Check(status="failing" if detail else "ok", ms=ms, detail=detail)


async def _database(db: Database) -> None:
    async with db.pool.acquire() as connection:
        await connection.fetchval("select 1")


async def _queue(db: Database) -> None:
    async with db.snapshot() as tx:
        await depth(tx)


class RulesMissing(Exception):
    """No rule set is in force, so that nothing can be decided."""


async def _rules(db: Database) -> None:
    async with db.snapshot() as tx:
        for name, _ in RULE_SETS.values():
            if await rulesets.find_active(tx, name) is None:
                raise RulesMissing


ROUTES = [get_health, get_ready, get_metrics]
