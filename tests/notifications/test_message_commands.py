"""The outbox on the command line, as a person at the terminal has it."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

from tests.builders import TEST_KEY
from tests.jobs.working import drained, until
from tests.notifications.posting import (
    CODE,
    a_message,
    an_sms,
    channels,
    delivering,
    on_file,
    queue,
)

from paywright.core.ids import MessageId
from paywright.db.pool import Database

ROOT = Path(__file__).parents[2]


def start(folder: Path, database_url: str, *args: str, **env: str) -> subprocess.Popen[str]:
    environ = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "HOME": str(folder),
        "PAYWRIGHT_DATA_DIR": str(folder / "data"), "DATABASE_URL": database_url,
        "ENCRYPTION_KEY": TEST_KEY,
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "paywright", "messages", *args],
        cwd=folder, env=environ | env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def said(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out


async def test_messages_are_listed_and_shown(
    db: Database, database_url: str, tmp_path: Path
) -> None:
    await queue(db, a_message(values=a_message().values | {"payee": "[red]Acme[/red]"}))
    async with delivering(db, channels(is_development=True)):
        await until(lambda: drained(db))
    [listed] = json.loads(said(start(tmp_path, database_url, "list", "--json")))
    assert (listed["status"], listed["recipient"]) == ("sent", "m***@example.com")
    assert CODE in listed["text"]
    shown = said(start(tmp_path, database_url, "show", listed["id"]))
    assert f"Your code is {CODE}" in shown
    assert "[red]Acme[/red]" in shown  # a payee's name is no markup
    assert listed["id"] in said(start(tmp_path, database_url, "list"))
    secret = said(
        start(tmp_path, database_url, "show", listed["id"], "--json", ENVIRONMENT="production")
    )
    assert CODE not in secret
    assert json.loads(secret)["text"] is None
    unknown = start(tmp_path, database_url, "show", "msg_01jf0000000000000000000000")
    assert "no such message" in unknown.communicate(timeout=60)[1]
    assert unknown.returncode == 1


async def test_who_watches_sees_each_new_message_once(
    db: Database, database_url: str, tmp_path: Path
) -> None:
    process = start(tmp_path, database_url, "watch", "--seconds", "8", "--json")
    watching = asyncio.create_task(asyncio.to_thread(said, process))
    queued = 0
    async with delivering(db, channels(is_development=True)):
        while not watching.done():
            await queue(db, an_sms(dedupe_key=f"otp:{queued:03}"))
            queued += 1
            await asyncio.sleep(0.2)
    seen = [json.loads(line) for line in (await watching).splitlines()]
    ids = [message["id"] for message in seen]
    all_ids = [str(MessageId.of(row["id"])) for row in await on_file(db)]
    assert len(ids) >= 5
    # From the first look to the last, without a gap.
    first = all_ids.index(ids[0])
    assert ids == all_ids[first : first + len(ids)]
    assert all(CODE in message["text"] for message in seen)
