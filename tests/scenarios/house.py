"""What the scenarios share: a data folder, a port, and the command run on them as a user does."""

import asyncio
import json
import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import msgspec
from tests.processes import PATIENCE_S, Process, free_port, residents, wait_until

from paywright.db.embedded import EmbeddedServer


class House:
    """One installation, in a folder of its own."""

    def __init__(self, folder: Path, *, data_dir: str = "data") -> None:
        self.folder = folder
        self.data = folder / data_dir
        self.port = free_port()

    def start(self, *command: str, **settings: object) -> Process:
        ours = {"PAYWRIGHT_DATA_DIR": self.data, "PORT": self.port, "RATE_LIMIT_MAX": 0}
        # A session of its own, as a terminal's foreground job has a process group of its own.
        return Process(
            *command, folder=self.folder, settings=ours | settings, start_new_session=True
        )

    def up(self, **settings: object) -> Process:
        """`paywright up`, shown what it has to show and running."""
        process = self.start("up", **settings)

        def is_running() -> bool:
            assert process.is_running(), process.said() + process.complained()
            return "Running." in process.said()

        wait_until(is_running, seconds=2 * PATIENCE_S, what="up")
        return process

    def run(self, *command: str, **settings: object) -> Process:
        """A command to its end."""
        process = self.start(*command, **settings)
        process.wait(2 * PATIENCE_S)
        return process

    def told(self, *command: str, **settings: object) -> Any:
        """What a successful command says with --json. Nothing else may be on its output."""
        process = self.run(*command, "--json", **settings)
        assert process.wait() == 0, process.complained()
        assert process.complained() == ""
        return json.loads(process.said())

    def key(self, role: str = "operator") -> str:
        return msgspec.json.decode((self.data / "keys.json").read_bytes())[role]

    def client(self) -> httpx2.Client:
        return httpx2.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"Authorization": f"Bearer {self.key()}"},
            timeout=20,
        )

    def is_empty(self) -> bool:
        """Whether no process of this installation is left."""
        return not residents(self.folder)

    def copy_of(self, other: Path) -> "House":
        """Begin with the data of another installation, which does not run."""
        subprocess.run(["cp", "-a", other, self.data], check=True)
        return self

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Rows of the stopped installation's database."""
        server = EmbeddedServer(self.data / "postgres")

        async def ask() -> list[dict[str, Any]]:
            connection = await asyncpg.connect(server.start())
            try:
                return [dict(row) for row in await connection.fetch(sql)]
            finally:
                await connection.close()

        try:
            return asyncio.run(ask())
        finally:
            server.stop()


def new_issue(client: httpx2.Client, key: str) -> str:
    """Post an issue; its id. The API may be on its way back: asks until it is answered."""
    body = {
        "type": "refund_request",
        "customer_id": "cust_042",
        "transaction_id": "txn_6201",
        "details": {"reason": "defective", "days_since_purchase": 6},
    }

    def accepted() -> httpx2.Response | None:
        try:
            answer = client.post("/api/v1/issues", json=body, headers={"Idempotency-Key": key})
        except httpx2.TransportError:
            return None
        assert answer.status_code in (201, 503), answer.text
        return answer if answer.status_code == 201 else None

    answer = wait_until(accepted, what="an issue to be accepted")
    assert answer is not None
    return answer.json()["id"]


def decided(client: httpx2.Client, issue_id: str) -> dict[str, Any]:
    """The issue, once it is decided."""

    def story() -> dict[str, Any] | None:
        try:
            answer = client.get(f"/api/v1/issues/{issue_id}")
        except httpx2.TransportError:
            return None
        assert answer.status_code in (200, 503), answer.text
        issue = answer.json()
        return issue if answer.status_code == 200 and issue["decision"] else None

    return wait_until(story, what="a decision") or {}


@contextmanager
def running(house: House, **settings: object) -> Generator[Process]:
    """`up` while the block runs, stopped by Ctrl-C; it must leave in order."""
    process = house.up(**settings)
    yield process
    process.send(signal.SIGINT)
    assert process.wait() == 0, process.said() + process.complained()
    assert house.is_empty()
