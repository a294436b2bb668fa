"""Become a server that ends with its supervisor. Run as a script; imports nothing of ours.

    python launch.py SUPERVISOR_PID UID GID COMMAND…

A script and not a `preexec_fn`: Python code between fork and exec may deadlock in a process with
threads, and Python 3.12 and later warn about it.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def main() -> None:
    supervisor, uid, gid = map(int, sys.argv[1:4])
    command = sys.argv[4:]
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        # After setuid, which clears it. Survives exec.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != supervisor:  # it died before we could ask to be told
            sys.exit("the supervisor is gone")
    os.execv(command[0], command)  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main()
