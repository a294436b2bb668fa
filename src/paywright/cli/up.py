"""`paywright up` and `paywright demo`: everything on one machine, and the main job shown."""

import signal
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any

import httpx2
from rich.markup import escape

from paywright import __version__
from paywright.cli import prepare
from paywright.cli.console import CommandFailed, out, print_json, run
from paywright.cli.database import publish, server_of, withdraw
from paywright.cli.demo import decisions_table, run_demo
from paywright.cli.demo_money import accounts_table, move_samples, movements_table
from paywright.cli.processes import Child
from paywright.cli.serve import bind
from paywright.db.embedded import EmbeddedServer
from paywright.db.migrate import migrate
from paywright.identity.permissions import Role
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
        self._server: EmbeddedServer | None = None
        self._url = settings.database_url
        self._children: list[Child] = []

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


def up(settings: Settings, *, stay: bool, as_json: bool) -> int:
    """Start everything, do the main job, and stay until somebody says stop; the exit status."""
    out.quiet = as_json
    out.print(f"\n[bold]Paywright[/] {__version__}\n")
    stop_request = StopRequest()
    installation = Installation(settings, stop_request)
    with ExitStack() as stack:
        stack.enter_context(_signals(stop_request.ask))
        stack.callback(_stop, installation)
        try:
            installation.start()
            accounts = _show_money(installation)
            issues = _show_issues(installation)
            if as_json:
                told = {"url": installation.base_url, "accounts": accounts, "issues": issues}
                print_json(told)
            if stay:
                _stay(installation)
        except Interrupted:
            return 0 if stay else 130
    return 0


def _show_money(installation: Installation) -> list[dict[str, Any]]:
    if installation.settings.environment == "production":
        return []
    out.print("\n[bold]Money[/], moved through the API\n")
    movements, accounts = move_samples(installation.base_url, installation.keys[Role.OPERATOR])
    out.print(movements_table(movements))
    out.print(accounts_table(accounts))
    return accounts


def _show_issues(installation: Installation) -> list[dict[str, Any]]:
    if installation.settings.environment == "production":
        return []
    out.print("\n[bold]Payment issues[/], posted to the API and decided by the rules\n")
    key = installation.keys[Role.OPERATOR]
    issues = run_demo(installation.base_url, key, alive=installation.watch)
    out.print()
    out.print(decisions_table(issues))
    undecided = [issue for issue in issues if issue["decision"] is None]
    if undecided:
        raise CommandFailed(f"{len(undecided)} of {len(issues)} issues could not be decided")
    return issues


def _stay(installation: Installation) -> None:
    base, settings = installation.base_url, installation.settings
    out.print()
    for name, path in (
        ("API docs", "/docs"),
        ("Health", "/health/ready"),
        ("Metrics", "/metrics"),
    ):
        out.print(f"  {name:<10}[link={base}{path}]{base}{path}[/link]")
    if installation.keys:
        folder = settings.paywright_data_dir
        out.print(f"  {'API keys':<10}{folder / 'keys.json'}, one for each role")
        out.print(f"  {'Logs':<10}{folder / 'logs'}\n")
        out.print("  Try it:", style="bold")
        out.print(
            f"  curl -s '{base}/api/v1/issues?status=awaiting_review' "
            f'-H "Authorization: Bearer {installation.keys[Role.REVIEWER]}"',
            soft_wrap=True,
            markup=False,
        )
    out.print("\n  Running. Ctrl-C stops everything.\n")
    while True:
        installation.watch()
        time.sleep(0.25)


def _stop(installation: Installation) -> None:
    if not installation.is_started:
        return
    with _signals(signal.SIG_IGN):  # Ctrl-C pressed twice must not leave half of it running
        out.print("\n  Stopping …")
        installation.stop()
        out.print("  Stopped.\n")


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


@contextmanager
def _signals(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> Generator[None]:
    """Have SIGINT, SIGTERM and SIGHUP handled while the block runs."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler_before in before.items():
            signal.signal(number, handler_before)
