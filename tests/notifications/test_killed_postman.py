"""A worker dies between sending a message and recording that: it is sent twice, never lost."""

import asyncio
import os
import sys
from pathlib import Path

from tests.jobs.working import drained, until
from tests.notifications.posting import a_mailbox, a_message, channels, delivering, on_file, queue

from paywright.db.pool import Database

ROOT = Path(__file__).parents[2]


async def test_a_message_outlives_its_worker(db: Database, database_url: str) -> None:
    async with a_mailbox() as mailbox:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.notifications.doomed_postman"),
            *(database_url, mailbox.url),
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": "src"},
        )

        def kill() -> None:
            """The mail server has the letter; the worker will never hear of it."""
            if process.returncode is None:
                process.kill()

        mailbox.on_data = kill
        await queue(db, a_message())
        await asyncio.wait_for(process.wait(), 60)
        [row] = await on_file(db)
        assert (row["status"], row["attempts"]) == ("sending", 1)
        assert row["content"] is not None
        async with delivering(db, channels(smtp_url=mailbox.url)):
            await until(lambda: drained(db))
    assert len(mailbox.letters) == 2
    # A reader that knows it already can show it once.
    assert len({letter["Message-ID"] for letter in mailbox.letters}) == 1
    [row] = await on_file(db)
    assert (row["status"], row["attempts"], row["content"]) == ("sent", 2, None)
