"""The machine that it was measured on, and the method."""

import os
import platform
from pathlib import Path

import msgspec
import psutil

from bench.stack import Server


class Machine(msgspec.Struct, frozen=True):
    """`cores`: those that this process may use."""

    cores: int
    cpu: str
    memory_gb: float
    system: str
    python: str
    postgresql: str
    fsync: str
    synchronous_commit: str
    shared_buffers: str
    load_before: float


async def describe(server: Server) -> Machine:
    usable = getattr(os, "sched_getaffinity", None)
    return Machine(
        cores=len(usable(0)) if usable else (os.cpu_count() or 1),
        cpu=_cpu(),
        memory_gb=round(psutil.virtual_memory().total / 1e9, 1),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        postgresql=await server.setting("server_version"),
        fsync=await server.setting("fsync"),
        synchronous_commit=await server.setting("synchronous_commit"),
        shared_buffers=await server.setting("shared_buffers"),
        load_before=round(psutil.getloadavg()[0], 2),
    )


def _cpu() -> str:
    """`/proc/cpuinfo` is Linux's; elsewhere the platform says what it knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
