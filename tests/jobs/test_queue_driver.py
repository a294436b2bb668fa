"""The way of the queue's library to the database: how it lets go of it."""

import asyncio
from datetime import timedelta

from paywright.db.pool import Database
from paywright.jobs.driver import QueueDriver
from paywright.jobs.outage import Outage


class _Interrupted:
    """A connection to be had only once, and lost at the very moment at which its user is canceled:
    the driver then raises the loss, and the cancel is gone."""

    def __init__(self) -> None:
        self.asked = 0

    async def __aenter__(self) -> None:
        self.asked += 1
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if self.asked > 1:
                raise
            raise ConnectionResetError("lost meanwhile") from None

    async def __aexit__(self, *_: object) -> None:
        raise AssertionError("it was never had")


async def test_a_cancel_that_the_driver_swallows_is_said_again(db: Database) -> None:
    outage = Outage(db, jitter=lambda: 0.0)
    driver = QueueDriver(db, outage, timeout=timedelta(seconds=1))
    connection = _Interrupted()
    listening = asyncio.create_task(driver._listen("channel", lambda *_: None))
    driver._listener = listening
    driver._pool = _Pool(connection)
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await driver.__aexit__()
    assert listening.cancelled()
    assert connection.asked >= 1


class _Pool:
    def __init__(self, connection: _Interrupted) -> None:
        self._connection = connection

    def acquire(self, *, timeout: float) -> _Interrupted:
        return self._connection
