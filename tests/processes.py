"""Real processes for tests: started, asked, killed, and gone at the end."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import msgspec
import psutil

SOURCE = Path(__file__).parents[1] / "src"
PACKAGES = Path(msgspec.__file__).parents[1]
T = TypeVar("T")


@contextmanager
def reachable_folder() -> Generator[Path]:
    """An empty folder that every account can reach, as `tmp_path` of root is not."""
    with tempfile.TemporaryDirectory(prefix="paywright-test-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        try:
            yield Path(folder)
        finally:
            clear_out(Path(folder))


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return door.getsockname()[1]


class KeptPort:
    """A free port that stays free for those who listen on it by its number, and do so again after
    they were killed: nobody else is given it meanwhile, not even for a connection of theirs."""

    def __init__(self) -> None:
        self._door = socket.socket()
        # Linux lets others of whom this is true listen beside one that does not.
        self._door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._door.bind(("127.0.0.1", 0))
        self.number: int = self._door.getsockname()[1]

    def close(self) -> None:
        self._door.close()


# How long a test waits for what is slow only because the machine is. It fails later, nothing else.
PATIENCE_S = 60.0


async def until(
    holds: Callable[[], Awaitable[T]],
    *,
    seconds: float = PATIENCE_S,
    what: str = "it",
    every: float = 0.03,
) -> T:
    """Poll until the answer is true; that answer. Fails after the deadline."""
    deadline = time.monotonic() + seconds
    while not (answer := await holds()):
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
        await asyncio.sleep(every)
    return answer


def wait_until(holds: Callable[[], T], *, seconds: float = PATIENCE_S, what: str = "it") -> T:
    """The same, without a loop."""
    deadline = time.monotonic() + seconds
    while not (answer := holds()):
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
        time.sleep(0.03)
    return answer


class Process:
    """One `paywright` command. What it says goes to files."""

    def __init__(self, *command: str, folder: Path, **options: Any) -> None:
        settings = {key: str(value) for key, value in options.pop("settings", {}).items()}
        self.name = f"{command[0]}-{time.monotonic_ns()}"
        self.out, self.err = folder / f"{self.name}.out", folder / f"{self.name}.err"
        self.port = settings.get("PORT", "0")
        # Nothing of the developer's own environment, nor a `.env` of the working directory.
        path = os.pathsep.join(map(str, (SOURCE, PACKAGES)))
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": path, "HOME": str(folder)}
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.popen = subprocess.Popen(
                [options.pop("python", sys.executable), "-m", "paywright", *command],
                cwd=folder, env=env | settings, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                **options,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        return self.popen.pid

    def kill(self) -> None:
        """kill -9, and see it gone."""
        self.popen.kill()
        self.popen.wait(PATIENCE_S)

    def send(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def wait(self, seconds: float = PATIENCE_S) -> int:
        """The exit status. Fails when it takes longer."""
        return self.popen.wait(seconds)

    def is_running(self) -> bool:
        return self.popen.poll() is None

    def said(self) -> str:
        return self.out.read_text(errors="replace")

    def complained(self) -> str:
        return self.err.read_text(errors="replace")

    def answers(self, path: str = "/health/ready") -> bool:
        """Whether it serves, with everything it needs. Fails when it ended."""
        assert self.is_running(), f"{self.name} ended:\n{self.said()}{self.complained()}"
        try:
            return httpx2.get(f"http://127.0.0.1:{self.port}{path}", timeout=5).status_code == 200
        except httpx2.TransportError:
            return False


def sentence(complaint: str) -> str:
    """A complaint for a person, checked to be one: a single line, and no traceback."""
    lines = complaint.strip().splitlines()
    assert len(lines) == 1, complaint
    return re.sub(r"^✗ ", "", lines[0])


def residents(folder: Path) -> list[psutil.Process]:
    """The processes that work in `folder`, or were told to keep their data below it."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            places = [process.cwd(), process.environ().get("PAYWRIGHT_DATA_DIR", "")]
            if any(Path(place).is_relative_to(folder) for place in places if place):
                found.append(process)
        except psutil.Error:
            continue
    return found


def clear_out(folder: Path) -> None:
    """Kill what a test left running in its own folder."""
    for process in residents(folder):
        process.kill()
    psutil.wait_procs(residents(folder), timeout=10)


def postmaster(data_dir: Path) -> psutil.Process:
    """The embedded server of a data folder."""
    record = data_dir / "postgres/data/postmaster.pid"
    return psutil.Process(int(record.read_text().split("\n")[0]))


def children_of(supervisor: Process, command: str) -> Iterator[psutil.Process]:
    """The `serve` or `work` processes under a running `up`."""
    for process in psutil.Process(supervisor.pid).children():
        try:
            if process.cmdline()[-1:] == [command]:
                yield process
        except psutil.Error:
            continue
