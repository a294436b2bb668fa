"""What a server that was killed leaves behind: processes on its data, and files that name them.

Reads `/proc`; on systems without it nothing is found, and PostgreSQL's own interlock decides.
"""

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from paywright.db.privileges import EmbeddedServerError

_PROC = Path("/proc")


def residents(cluster: Path) -> list[int]:
    """The pids of the PostgreSQL processes that run on the data folder `cluster`.

    They all have it as their working directory. A zombie has none, and a process that merely
    got a pid that PostgreSQL once had is not in it.
    """
    found: list[int] = []
    if not cluster.exists() or not _PROC.exists():
        return found
    here = cluster.stat()
    for entry in _PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            is_here = os.path.samestat((entry / "cwd").stat(), here)
            if is_here and (entry / "comm").read_text() == "postgres\n":
                found.append(int(entry.name))
        except OSError:  # gone meanwhile, or somebody else's
            continue
    return found


def evict(cluster: Path) -> None:
    """Stop what still runs on the data, then remove the files that would say it does.

    The caller holds the lock, so whatever runs has lost its supervisor. PostgreSQL's own check
    of `postmaster.pid` refuses to start when any process has got the pid in it, which after a
    reboot or in a container is common; we know better. Raises EmbeddedServerError.
    """
    alive = residents(cluster)
    if alive:
        postmaster = [pid for pid in alive if pid == _recorded_pid(cluster)]
        # Without a postmaster the others leave by themselves, unless busy.
        steps: list[tuple[Sequence[int], signal.Signals, float]] = [
            (postmaster, signal.SIGINT, 10.0 if postmaster else 2.0),
            (alive, signal.SIGQUIT, 6.0),
            (alive, signal.SIGKILL, 2.0),
        ]
        for pids, number, patience_s in steps:
            _signal(cluster, pids, number)
            if _empty_within(cluster, patience_s):
                break
        else:
            raise EmbeddedServerError(
                f"PostgreSQL processes {residents(cluster)} still run on {cluster} and cannot be "
                "stopped; end them, or restart the machine"
            )
    if _PROC.exists():
        (cluster / "postmaster.pid").unlink(missing_ok=True)


def _signal(cluster: Path, pids: Sequence[int], number: signal.Signals) -> None:
    for pid in set(pids) & set(residents(cluster)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _empty_within(cluster: Path, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while residents(cluster):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _recorded_pid(cluster: Path) -> int | None:
    try:
        return int((cluster / "postmaster.pid").read_text(errors="replace").split("\n")[0])
    except (OSError, ValueError):
        return None
