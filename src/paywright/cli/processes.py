"""Child processes of `paywright up`: started, watched, started again, stopped in order."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from paywright.cli.console import CommandFailed

_SUPERVISOR = "PAYWRIGHT_SUPERVISOR_PID"
_LOG_SIZE_MAX = 10 * 1024 * 1024  # bytes
_LIVED_LONG_S = 30.0
_FAILURES_MAX = 5


def end_with_supervisor() -> None:
    """In a child: have Linux stop us when our supervisor is gone, however it went."""
    supervisor = os.environ.get(_SUPERVISOR)
    if supervisor is None or sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG, <linux/prctl.h>
    if os.getppid() != int(supervisor):  # it died before we could ask to be told
        sys.exit("the supervisor is gone")


class Child:
    """One `paywright` command, kept running. Its output goes to a file."""

    def __init__(self, name: str, command: list[str], *, log: Path, env: Mapping[str, str]) -> None:
        self.name = name
        self.log = log
        self._command = [sys.executable, "-m", "paywright", *command]
        self._env = {**os.environ, **env, _SUPERVISOR: str(os.getpid())}
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._failures = 0
        self._not_before = 0.0

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > _LOG_SIZE_MAX:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            # A session of its own: a terminal's Ctrl-C is for the supervisor, which stops the
            # children in order.
            self._process = subprocess.Popen(  # noqa: S603
                self._command,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._started = time.monotonic()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def keep_up(self) -> str | None:
        """Start the child again if it died; what to tell about it. Call this often.

        Raises CommandFailed when it keeps dying.
        """
        if self._process is None:
            if time.monotonic() >= self._not_before:
                self.start()
                return f"{self.name} is running again (pid {self.pid})"
            return None
        status = self._process.poll()
        if status is None:
            return None
        lived_long = time.monotonic() - self._started > _LIVED_LONG_S
        self._failures = 1 if lived_long else self._failures + 1
        if self._failures > _FAILURES_MAX:
            raise CommandFailed(f"{self.name} keeps ending; its log says:\n{self.last_words()}")
        self._process = None
        self._not_before = time.monotonic() + min(0.2 * 2**self._failures, 5.0)
        how = f"signal {-status}" if status < 0 else f"status {status}"
        return f"{self.name} ended with {how}; starting it again"

    def stop(self, patience_s: float) -> bool:
        """Ask the child to end, and make it after `patience_s`; whether it ended by itself."""
        if self._process is None or self._process.poll() is not None:
            return True
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return False
        return True

    def has_ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def last_words(self) -> str:
        """The end of the log."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-12:])
        except OSError:
            return "(no log)"
