"""The files of the embedded PostgreSQL: the data (a "cluster"), the password, the socket."""

import hashlib
import os
import secrets
import shutil
import stat
import tempfile
import time
from pathlib import Path

from paywright.db.privileges import EmbeddedServerError, Site

_SOCKET_PATH_MAX = 100  # bytes; systems allow 104 to 108, with a zero at the end
_INITDB_PATIENCE_S = 300
_ORPHAN_PATIENCE_S = 5.0


def create_cluster(site: Site, *, user: str, version: str) -> str:
    """Make the data unless it is there; returns the password of `user`.

    initdb works in a folder of another name, renamed when it is complete: a kill in the middle
    leaves no half of a database behind. Raises EmbeddedServerError.
    """
    cluster = site.home / "data"
    _remove_abandoned_drafts(site.home)
    if cluster.exists() and any(cluster.iterdir()):
        _check_made_by(cluster, version)
        return _read_password(site.home)
    password = _make_password(site)
    draft = Path(tempfile.mkdtemp(prefix="initdb-", dir=site.home))
    site.account.own(draft, 0o700)
    done = site.account.run(
        [
            site.binaries / "initdb",
            f"--pgdata={draft}",
            f"--username={user}",
            f"--pwfile={site.home / 'password'}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            # Collation does not change with the system's libraries: no index ever goes bad.
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--data-checksums",
            "--no-instructions",
        ],
        timeout_s=_INITDB_PATIENCE_S,
    )
    if done.returncode != 0:
        shutil.rmtree(draft, ignore_errors=True)
        raise EmbeddedServerError(
            f"PostgreSQL could not make its data folder in {site.home}:\n{done.stderr.strip()}"
        )
    draft.rename(cluster)
    _sync(site.home)
    _remove_abandoned_drafts(site.home)
    return password


def _remove_abandoned_drafts(home: Path) -> None:
    """What kills in the middle of an initdb left. One that outlived its supervisor may still be
    writing: it is done within a second or two, or its draft is left for the next start."""
    deadline = time.monotonic() + _ORPHAN_PATIENCE_S
    while drafts := list(home.glob("initdb-*")):
        for draft in drafts:
            shutil.rmtree(draft, ignore_errors=True)
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)


def socket_folder(site: Site) -> Path:
    """A private folder for the socket, empty. In `home`, or in the system's temporary folder
    when the path would be too long for a socket, or has a comma, which separates hosts in URLs.
    """
    folder = site.home / "socket"
    if len(os.fsencode(folder / ".s.PGSQL.5432")) > _SOCKET_PATH_MAX or "," in str(folder):
        name = hashlib.sha256(os.fsencode(site.home)).hexdigest()[:16]
        folder = Path(tempfile.gettempdir(), f"paywright-{name}")
    try:
        folder.mkdir(mode=0o700)
        site.account.own(folder, 0o700)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (0, site.account.uid):
            # Anybody may have put it there; whoever owns it can listen in our place.
            raise EmbeddedServerError(
                f"{folder} belongs to somebody else; remove it, or set TMPDIR to another folder"
            ) from None
        site.account.own(folder, 0o700)
    for left in folder.glob(".s.PGSQL.*"):
        left.unlink()
    return folder


def _check_made_by(cluster: Path, version: str) -> None:
    ours = version.split(".", maxsplit=1)[0]
    try:
        theirs = (cluster / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise EmbeddedServerError(
            f"{cluster} has files, but they are not a PostgreSQL database; move them away"
        ) from None
    if theirs != ours:
        raise EmbeddedServerError(
            f"the data in {cluster} was made by PostgreSQL {theirs}, and this is PostgreSQL "
            f"{ours}; go back to the version of Paywright that made it and save the data with "
            "pg_dump, or set PAYWRIGHT_DATA_DIR to another folder to begin anew"
        )


def _read_password(home: Path) -> str:
    try:
        return (home / "password").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise EmbeddedServerError(
            f"{home / 'password'} is missing, and nobody can sign in to the data beside it "
            "without; put it back, or set PAYWRIGHT_DATA_DIR to another folder to begin anew"
        ) from None


def _make_password(site: Site) -> str:
    """A new password in a private file, which initdb reads as the server's account."""
    path = site.home / "password"
    path.unlink(missing_ok=True)
    password = secrets.token_hex(24)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(password + "\n")
        os.fsync(file.fileno())
    site.account.own(path, 0o600)
    return password


def _sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
