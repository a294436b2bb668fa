"""Database, API, worker and an outside world of one data folder, started and kept up together."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

import httpx2
from rich.markup import escape

from paywright.cli import prepare
from paywright.cli.console import CommandFailed, out, run
from paywright.cli.database import publish, server_of, withdraw
from paywright.cli.processes import Child
from paywright.cli.serve import bind
from paywright.cli.simulated import publish_simulated, withdraw_simulated
from paywright.cli.simulator_commands import (
    choose_port,
    simulator_command,
    simulator_environment,
)
from paywright.db.embedded import EmbeddedServer
from paywright.db.migrate import migrate
from paywright.identity.permissions import Role
from paywright.screening.demo import ensure_demo_list
from paywright.settings import Settings
from paywright.wiring import build

_START_PATIENCE_S = 60.0


class Interrupted(Exception):
    """Somebody asked us to stop."""


class StopRequest:
    """Whether somebody asked us to stop.

    Noted first and raised at a point of our choosing: an exception out of a signal handler may
    come in the middle of anything. An event loop swallows it, the driver takes it for a failed
    connection, a child that was just started is forgotten.
    """

    def __init__(self) -> None:
        self._asked = False

    def ask(self, number: int, frame: FrameType | None) -> None:
        """The signal handler. Asked twice, it raises: what is under way takes too long."""
        if self._asked:
            raise Interrupted
        self._asked = True

    def check(self) -> None:
        """Raise Interrupted when somebody asked."""
        if self._asked:
            raise Interrupted


class Installation:
    """Database, API and worker of one data folder."""

    def __init__(self, settings: Settings, stop_request: StopRequest) -> None:
        self.settings = settings
        self._stop_request = stop_request
        self.keys: dict[Role, str] = {}
        self.user: dict[str, str] = {}
        self._server: EmbeddedServer | None = None
        self._url = settings.database_url
        self._children: list[Child] = []
        self._simulates = False

    @property
    def base_url(self) -> str:
        host = self.settings.bind_address
        host = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self.settings.port}"

    @property
    def is_started(self) -> bool:
        """Whether there is anything to stop."""
        return self._server is not None or bool(self._children)

    def start(self) -> None:
        """Bring everything up, telling about each step. Raises CommandFailed and Interrupted."""
        self._check_port()
        steps = {
            "Database": self._start_database,
            "Schema": self._prepare_schema,
            "Data": lambda: run(self._prepare_data()),
            "API": self._start_children,
        }
        for name, step in steps.items():
            self._stop_request.check()
            with _step(name) as said:
                said.append(step())

    def watch(self) -> None:
        """Start again what died.

        Raises CommandFailed when something cannot be kept up, and Interrupted.
        """
        self._stop_request.check()
        if self._server is not None and self._server.poll() is not None:
            out.print("  [yellow]●[/] the database ended; starting it again")
            publish(self.settings, self._server.start())
        for child in self._children:
            if told := child.keep_up():
                out.print(f"  [yellow]●[/] {escape(told)}")

    def stop(self) -> None:
        """Stop in order: nobody asks any more, work is finished, then the database goes."""
        patience_s = self.settings.shutdown_timeout_ms / 1000 + 5
        for child in self._children:
            if not child.stop(patience_s):
                out.print(f"  [yellow]●[/] {child.name} had to be killed")
        if self._simulates:  # else what is published is that of another, which we met
            withdraw_simulated(self.settings)
        if self._server is not None:
            if self._url:  # else what is published is that of another, which we met
                withdraw(self.settings)
            self._server.stop()

    def _check_port(self) -> None:
        # Not shared, so that it also fails where another Paywright shares its port.
        bind(self.settings, shared=False).close()

    def _start_database(self) -> str:
        folder = self.settings.paywright_data_dir
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / ".write-test").write_bytes(b"")
            (folder / ".write-test").unlink()
        except OSError as error:
            raise CommandFailed(
                f"cannot write to {folder.absolute()}: {error.strerror}; set PAYWRIGHT_DATA_DIR "
                "to a folder of yours"
            ) from error
        if self._url:
            return "the PostgreSQL of DATABASE_URL"
        self._server = server_of(self.settings)
        self._url = self._server.start()
        publish(self.settings, self._url)
        return f"PostgreSQL {self._server.version.rsplit('.', 1)[0]}, embedded"

    def _prepare_schema(self) -> str:
        done = run(migrate(self._url))
        return f"{len(done)} migrations run" if done else "up to date"

    async def _prepare_data(self) -> str:
        app = await build(self.settings, url=self._url, application="paywright-up")
        try:
            await prepare.ensure_rules(app)
            if self.settings.environment == "production":
                return "rules in force"
            folder = self.settings.paywright_data_dir
            self.keys = await prepare.ensure_development_keys(app, folder / "keys.json")
            self.user = await prepare.ensure_development_user(app, folder / "keys.json")
            await ensure_demo_list(app.db, prepare.system_cause())
            loaded = await prepare.load_samples(app)
            return f"{loaded} samples loaded" if loaded else "samples on file"
        finally:
            await app.close()

    def _start_children(self) -> str:
        folder = self.settings.paywright_data_dir
        metrics_folder = folder.absolute() / "metrics"
        env = {"DATABASE_URL": self._url, "PROMETHEUS_MULTIPROC_DIR": str(metrics_folder)}
        for file in metrics_folder.glob("*.db"):  # of an earlier run
            file.unlink(missing_ok=True)
        self._start_outside_world(env)
        count = self.settings.api_processes
        names = ["api"] if count == 1 else [f"api-{i + 1}" for i in range(count)]
        commands = {**{name: ["serve"] for name in names}, "worker": ["work"]}
        for name, command in commands.items():
            child = Child(name, command, log=folder / "logs" / f"{name}.log", env=env)
            child.start()
            self._children.append(child)
        self._wait_until_ready()
        return (
            f"{self.base_url}, and {'a worker' if count == 1 else f'{count} processes, a worker'}"
        )

    def _start_outside_world(self, env: dict[str, str]) -> None:
        """In development, a bank, a card provider and a KYC provider of our own, unless others are
        set up."""
        settings = self.settings
        if settings.environment == "production" or settings.partner_bank_url:
            return
        port = choose_port(settings.simulator_port)
        folder = settings.paywright_data_dir
        books = folder / "simulator.jsonl"
        log = folder / "logs" / "simulator.log"
        command = simulator_command(
            port, books=books, failure_rate=settings.flaky_payment_failure_rate
        )
        child = Child("simulator", command, log=log, env={})
        child.start()
        self._children.append(child)
        found = simulator_environment(port)
        ours = [
            *(["KYC_"] if settings.kyc_provider_url else []),
            *(["STRIPE_"] if settings.stripe_api_key else []),
        ]
        found = {name: it for name, it in found.items() if not name.startswith(tuple(ours))}
        self._simulates = True
        publish_simulated(settings, found)
        env.update(found)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _START_PATIENCE_S
        while time.monotonic() < deadline:
            self._stop_request.check()
            for child in self._children:
                if child.has_ended():
                    raise CommandFailed(f"{child.name} ended at once:\n{child.last_words()}")
            try:
                if httpx2.get(f"{self.base_url}/health/ready", timeout=5).status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            time.sleep(0.05)
        raise CommandFailed(f"the API is not ready after {_START_PATIENCE_S:g} s; see its log")


@contextmanager
def _step(name: str) -> Generator[list[str]]:
    """Show a step while it is under way, and how it went."""
    said: list[str] = []
    started = time.perf_counter()
    with out.status(f"{name} …"):
        yield said
    seconds = time.perf_counter() - started
    out.print(
        f"  [green]✓[/] {name:<10}{escape(' '.join(said)):<48} [dim]{seconds:5.1f} s[/]",
        soft_wrap=True,
    )
