"""Compare a day: read both sides, put them side by side, keep what differs.

The statement is read outside of any transaction, and both sides are loaded piece by piece, so that
a million lines take no memory of that size. A run may be begun again at any time: each attempt
loads lines of its own, and only the current one may end it.
"""

from collections.abc import Sequence
from datetime import date

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.ids import ReconciliationId
from paywright.db.pool import Database, Row, Tx
from paywright.events import Event, emit
from paywright.gateway.model import StatementUnavailable
from paywright.payments.on_file import OurLine, provider_lines, provider_lines_by_key
from paywright.payments.tasks import ask_to_settle_now
from paywright.reconciliation import lines_store, store, verdicts_store
from paywright.reconciliation.ask import new_run
from paywright.reconciliation.compare import Window, check_line, operation_of, window_of
from paywright.reconciliation.fail import fail
from paywright.reconciliation.model import (
    OnRead,
    Reconciliation,
    RunState,
    Statement,
    StatementSource,
)
from paywright.reconciliation.result import result_of
from paywright.reconciliation.tasks import ask_for_review

_CHUNK = 5_000  # lines in one transaction


class TakenOver(Exception):
    """Another has begun the same run anew, or ended it."""


class LinesLost(Exception):
    """The database server crashed while the lines were being loaded."""


async def reconcile_now(
    db: Database,
    cause: Cause,
    *,
    provider: str,
    day: date,
    source: StatementSource,
    statement: Statement,
    on_read: OnRead = lambda count: None,
) -> Reconciliation:
    """Compare here and now. It has failed where the statement could not be read as a whole.

    Raises DayNotBegun.
    """
    cause.actor.require(Permission.MANAGE_PROVIDERS)
    window_of(day, at=cause.at)
    run = new_run(cause, provider=provider, day=day, source=source, is_queued=False)
    async with db.transaction() as tx:
        await store.insert(tx, run)
    try:
        return await carry_out(
            db, cause, reconciliation_id=run.id, statement=statement, on_read=on_read
        )
    except (StatementUnavailable, LinesLost) as error:
        async with db.transaction() as tx:
            return (await fail(tx, cause, [run.id], [str(error)]))[0]


async def carry_out(
    db: Database,
    cause: Cause,
    *,
    reconciliation_id: ReconciliationId,
    statement: Statement,
    on_read: OnRead = lambda count: None,
) -> Reconciliation:
    """One attempt at a run that is on file.

    Raises StatementUnavailable and LinesLost, after which it may be begun again; TakenOver.
    """
    cause.actor.require(Permission.MANAGE_PROVIDERS)
    async with db.transaction() as tx:
        run = await store.claim(tx, reconciliation_id)
        if run is None:
            raise TakenOver(f"{reconciliation_id} has ended")
        await lines_store.clear(tx, run.id)
    window = window_of(run.day, at=cause.at)
    loader = _Loader(db, run, on_read)
    await loader.load_theirs(statement, window)
    await loader.load_ours(window)
    async with db.transaction() as tx:
        await lines_store.analyze(tx)
    await loader.load_asked(window)
    async with db.transaction() as tx:
        return await _finish(tx, cause, loader, window)


class _Loader:
    """Puts the lines of one attempt side by side."""

    def __init__(self, db: Database, run: Reconciliation, on_read: OnRead) -> None:
        self.run = run
        self.count = 0
        self._db = db
        self._on_read = on_read
        self._begin = lines_store.begin_of_row(run.id, run.attempts)
        self._ours = 0  # the last position

    async def load_theirs(self, statement: Statement, window: Window) -> None:
        rows: list[bytes] = []
        position = 0
        async for line in statement(window.earliest, window.latest):
            position += 1
            check_line(line, position)
            if window.holds(line.booked_at):
                rows.append(lines_store.row_of_theirs(self._begin, position, line))
            if len(rows) == _CHUNK:
                await self._add(rows)
                rows = []
        await self._add(rows)

    async def load_ours(self, window: Window) -> None:
        found: list[OurLine] = []
        for since, until in window.slices():
            async with self._db.snapshot() as tx:
                found += await provider_lines(tx, self.run.provider, since=since, until=until)
            if len(found) >= _CHUNK:
                await self._add(self._rows_of_ours(found, is_asked=False))
                found = []
        await self._add(self._rows_of_ours(found, is_asked=False))

    async def load_asked(self, window: Window) -> None:
        """What our books have of the keys that only the provider lists: booked long before or
        after, or not carried out as far as we know."""
        after = 0
        while True:
            async with self._db.snapshot() as tx:
                keys = await lines_store.keys_only_theirs(
                    tx, self.run.id, self.run.attempts, window=window, after=after, limit=_CHUNK
                )
                named = {id for _, key in keys if (id := operation_of(key)) is not None}
                found = await provider_lines_by_key(tx, sorted(named)) if named else []
            await self._add(self._rows_of_ours(found, is_asked=True))
            if len(keys) < _CHUNK:
                return
            after = keys[-1][0]

    async def hold(self, tx: Tx) -> None:
        """Make sure that this is the current attempt, until the transaction ends, and that all that
        was loaded is there. Raises TakenOver, LinesLost."""
        if not await store.advance(tx, self.run.id, self.run.attempts, lines_read=self.count):
            raise TakenOver(f"{self.run.id} is not ours any more")
        if await lines_store.count(tx, self.run.id, self.run.attempts) != self.count:
            raise LinesLost("lines that were loaded are gone: the database server must have ended")

    def _rows_of_ours(self, found: Sequence[OurLine], *, is_asked: bool) -> list[bytes]:
        first = self._ours + 1
        self._ours += len(found)
        side = "asked" if is_asked else "ours"
        return [
            lines_store.row_of_ours(self._begin, position, line, side)
            for position, line in enumerate(found, first)
        ]

    async def _add(self, rows: Sequence[bytes]) -> None:
        if not rows:
            return
        count = self.count + len(rows)
        async with self._db.transaction() as tx:
            if not await store.advance(tx, self.run.id, self.run.attempts, lines_read=count):
                raise TakenOver(f"{self.run.id} is not ours any more")
            await lines_store.add(tx, rows)
        self.count = count
        self._on_read(count)


async def _finish(tx: Tx, cause: Cause, loader: _Loader, window: Window) -> Reconciliation:
    run = loader.run
    await loader.hold(tx)
    rows = await _compare(tx, run, window)
    done = await store.set_completed(tx, run.id, result_of(rows), at=cause.at)
    await lines_store.clear(tx, run.id)
    await _ask_to_settle(tx, cause, run.id)
    if done.differences:
        await ask_for_review(tx, cause, [run.id], reason="differences")
    await emit(tx, cause, _completed(done))
    return done


async def _compare(tx: Tx, run: Reconciliation, window: Window) -> list[Row]:
    """Put what differs on file; counts and sums of all."""
    await verdicts_store.prepare(tx)
    await verdicts_store.pair(tx, run.id, run.attempts)
    await verdicts_store.judge_theirs(tx, run.id, run.attempts, window=window)
    await verdicts_store.judge_ours(tx, run.id, run.attempts, window=window)
    await verdicts_store.file_items(tx, run.id, run.attempts)
    rows = await verdicts_store.sums(tx, run.id, run.attempts, window=window)
    await verdicts_store.clear(tx, run.id)
    return rows


async def _ask_to_settle(tx: Tx, cause: Cause, reconciliation_id: ReconciliationId) -> None:
    """What the provider did and we still wait for need not wait any longer."""
    after = 0
    while found := await store.unsettled(tx, reconciliation_id, after=after, limit=_CHUNK):
        await ask_to_settle_now(tx, [(cause, target) for _, target in found])
        after = found[-1][0]


def _completed(run: Reconciliation) -> Event:
    facts = {
        "provider": run.provider,
        "day": run.day.isoformat(),
        "source": run.source.value,
        "differences": run.differences,
        "outcomes": dict(run.outcomes),
    }
    before = {"state": RunState.RUNNING.value}
    return Event("reconciliation.completed", str(run.id), facts, before, {"state": run.state.value})
