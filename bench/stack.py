"""What is measured: a durable PostgreSQL of its own, and real processes on free ports."""

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psutil

import paywright
from bench import workload
from paywright.cli import prepare
from paywright.core.cause import Cause
from paywright.customers.register import register_customer
from paywright.db.embedded import EmbeddedServer
from paywright.db.migrate import migrate
from paywright.identity.manage import create_key
from paywright.identity.permissions import Role
from paywright.payments.record import record_charge
from paywright.settings import Settings
from paywright.wiring import App, build

_START_PATIENCE_S = 30.0
_STOP_PATIENCE_S = 40.0
_TEMPLATE = "bench_template"
_SOURCES = Path(paywright.__file__).parents[1]
_HERE = Path(__file__).parents[1]

# What a template holds before the first run.
Fill = Callable[[App, Cause], Awaitable[None]]


class BenchFailed(Exception):
    """Something that is measured does not work. The text is for a person."""


def environment(folder: Path, url: str) -> dict[str, str]:
    """Of a process that is measured: without the settings of whoever runs the bench."""
    known = {field.upper() for field in Settings.__struct_fields__}
    return {k: v for k, v in os.environ.items() if k not in known} | {
        "PYTHONPATH": f"{_SOURCES}{os.pathsep}{_HERE}",
        "PAYWRIGHT_SUPERVISOR_PID": str(os.getpid()),
        "PAYWRIGHT_DATA_DIR": str(folder / "data"),
        "PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics"),
        "DATABASE_URL": url,
        "RATE_LIMIT_MAX": "0",
    }


class Process:
    """One process of a variant. It ends with us, whatever happens. settings: beside the usual"""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        folder: Path,
        url: str,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.port = _free_port()
        self._log = folder / f"{name}.log"
        env = {**environment(folder, url), "PORT": str(self.port), **(settings or {})}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *command],
                env=env,
                cwd=folder,  # away from a `.env` file
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def wait_until_listening(self) -> None:
        deadline = time.monotonic() + _START_PATIENCE_S
        while time.monotonic() < deadline:
            self.must_run()
            with socket.socket() as door:
                if door.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            await asyncio.sleep(0.05)
        raise BenchFailed(f"{self.name} does not listen; its log ends with:\n{self._last_words()}")

    def must_run(self) -> None:
        """Raises BenchFailed when the process ended."""
        if self._process.poll() is not None:
            raise BenchFailed(f"{self.name} ended; its log ends with:\n{self._last_words()}")

    def memory_mb(self) -> float:
        """What is resident, without what was never touched."""
        return psutil.Process(self._process.pid).memory_info().rss / 1_000_000

    def cpu_seconds(self) -> float:
        times = psutil.Process(self._process.pid).cpu_times()
        return times.user + times.system

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_PATIENCE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _last_words(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-20:])


async def customers_and_charges(app: App, cause: Cause) -> None:
    """What issues can be opened about."""
    today = cause.at.replace(hour=0, minute=0, second=0, microsecond=0)
    await asyncio.gather(
        *(
            register_customer(app.db, app.keys, cause, customer=customer)
            for customer in workload.customers(today)
        )
    )
    await asyncio.gather(
        *(record_charge(app.db, cause, charge=it) for it in workload.charges(today))
    )
    await app.db.pool.execute("vacuum analyze customers, payments")


class Server:
    """A PostgreSQL with a template: migrated, rules in force, and filled for what is measured."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.secret = ""
        self._postgres = EmbeddedServer(folder / "postgres")

    def start(self) -> None:
        self._postgres.start()

    def stop(self) -> None:
        self._postgres.stop()

    def url_of(self, database: str) -> str:
        return urlunsplit(urlsplit(self._postgres.url)._replace(path=f"/{database}"))

    async def prepare(self, fill: Fill = customers_and_charges) -> None:
        """Make the template."""
        await self._admin(f"create database {_TEMPLATE}")
        url = self.url_of(_TEMPLATE)
        await migrate(url)
        settings = Settings(paywright_data_dir=self.folder / "data")
        settings.paywright_data_dir.mkdir()
        app = await build(settings, url=url, application="bench")
        try:
            await prepare.ensure_rules(app)
            cause = prepare.system_cause()
            _, self.secret = await create_key(app.db, cause, name="bench", role=Role.OPERATOR)
            await fill(app, cause)
        finally:
            await app.close()

    async def fresh_database(self, name: str) -> str:
        """A copy of the template, and nothing left to be written of what came before."""
        await self._admin(f"drop database if exists {name}")
        await self._admin(f"create database {name} template {_TEMPLATE}")
        await self._admin("checkpoint")
        return self.url_of(name)

    async def drop(self, name: str) -> None:
        await self._admin(f"drop database {name} with (force)")

    def cpu_seconds(self) -> tuple[float, float]:
        """Processor time of PostgreSQL: of what serves a client, and of all the rest."""
        (postmaster,) = (it for it in psutil.Process().children() if it.name() == "postgres")
        times = postmaster.cpu_times()
        clients, rest = 0.0, sum(times[:4])  # with its children that have ended
        for child in postmaster.children():
            with contextlib.suppress(psutil.NoSuchProcess):
                spent = sum(child.cpu_times()[:2])
                if any("[local]" in word for word in child.cmdline()):
                    clients += spent
                else:
                    rest += spent
        return clients, rest

    async def setting(self, name: str) -> str:
        connection = await asyncpg.connect(self.url_of("postgres"))
        try:
            return await connection.fetchval("select current_setting($1)", name)
        finally:
            await connection.close()

    async def _admin(self, statement: str) -> None:
        connection = await asyncpg.connect(self.url_of("postgres"))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@contextmanager
def server() -> Generator[Server]:
    """A running server in a temporary folder, which goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="paywright-bench-"))
    folder.chmod(0o755)  # the account that PostgreSQL runs as has to get there
    it = Server(folder)
    try:
        it.start()
        yield it
    finally:
        it.stop()
        shutil.rmtree(folder)  # made by mkdtemp, above


def _free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return door.getsockname()[1]
