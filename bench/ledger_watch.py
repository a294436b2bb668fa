"""Where the time of a batch goes: by statement, and by what the processor is busy with."""

import inspect
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any, Self, cast

from paywright.db.pool import Database, Tx

_INTERVAL_S = 0.001  # asked for; the kernel looks every few milliseconds

# What a source file is about. The innermost frame that is listed decides.
_SUBJECTS = (
    ("paywright/core/ids.py", "ids and fingerprints"),
    ("paywright/idempotency/model.py", "ids and fingerprints"),
    ("paywright/payments/orders.py", "ids and fingerprints"),
    ("paywright/telemetry/request_id.py", "ids and fingerprints"),
    ("paywright/api/movement_requests.py", "reading the request"),
    ("bench/ledger_workload.py", "the load itself"),
    ("paywright/api/", "rendering answers"),
    ("paywright/events/", "events"),
    ("paywright/ledger/rules.py", "pure rules"),
    ("paywright/ledger/limits.py", "pure rules"),
    ("paywright/ledger/model.py", "pure rules"),
    ("paywright/payments/pipeline.py", "pure rules"),
    ("paywright/payments/move.py", "the batch itself"),
    ("paywright/ledger/batch.py", "the batch itself"),
    ("paywright/idempotency/claim.py", "the batch itself"),
    ("store.py", "rows to and from the driver"),
    ("/asyncpg/", "driver and event loop"),
    ("/asyncio/", "driver and event loop"),
    ("/uvloop/", "driver and event loop"),
)
_ELSE = "driver and event loop"  # no Python below the loop: it is the driver, reading


class Samples:
    """Looks where the main thread is, a few hundred times in each second of processor time."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._counts: Counter[str] = Counter()

    def __enter__(self) -> Self:
        if self._enabled:
            signal.signal(signal.SIGPROF, self._look)
            signal.setitimer(signal.ITIMER_PROF, _INTERVAL_S, _INTERVAL_S)
        return self

    def __exit__(self, *_: object) -> None:
        if self._enabled:
            signal.setitimer(signal.ITIMER_PROF, 0)

    def _look(self, _: int, frame: FrameType | None) -> None:
        while frame is not None:
            path = frame.f_code.co_filename
            for part, subject in _SUBJECTS:
                if part in path:
                    self._counts[subject] += 1
                    return
            frame = frame.f_back
        self._counts[_ELSE] += 1

    def shares(self, cpu_s: float) -> dict[str, float]:
        """The processor time, split as the samples were."""
        whole = self._counts.total()
        return {subject: cpu_s * count / whole for subject, count in self._counts.items()}


class Timed(Database):
    """A database that writes down how long each caller waited for each of its statements."""

    def __init__(self, pool: Any) -> None:
        super().__init__(pool)
        self.spent: dict[str, float] = defaultdict(float)

    @asynccontextmanager
    async def transaction(self, *, wait_ms: int | None = None) -> AsyncGenerator[Tx]:
        inner = super().transaction(wait_ms=wait_ms)
        tx = await self.timed("begin", inner.__aenter__())
        try:
            yield cast("Tx", _TimedTx(tx, self))
        except BaseException:
            if not await inner.__aexit__(*sys.exc_info()):
                raise
        else:
            await self.timed("commit", inner.__aexit__(None, None, None))

    async def timed(self, name: str, work: Awaitable[Any]) -> Any:
        started = time.perf_counter()
        try:
            return await work
        finally:
            self.spent[name] += time.perf_counter() - started


class _TimedTx:
    """A connection; what is awaited of it is timed under the name of the function that asked."""

    def __init__(self, tx: Tx, db: Timed) -> None:
        self._tx = tx
        self._db = db

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._tx, name)
        return self._watched(attribute) if inspect.ismethod(attribute) else attribute

    def _watched(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            result = method(*args, **kwargs)
            if not inspect.iscoroutine(result):
                return result
            return self._db.timed(_name_of(sys._getframe(1)), result)

        return call


def _name_of(caller: FrameType) -> str:
    """Of the function that asked; what `db` does is done for somebody."""
    frame: FrameType | None = caller
    while frame is not None:
        module = frame.f_globals["__name__"]
        if not module.startswith("paywright.db."):
            return f"{module.removeprefix('paywright.')}.{frame.f_code.co_name}"
        frame = frame.f_back
    return "db"
