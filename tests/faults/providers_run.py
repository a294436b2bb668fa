"""Run seeded scenarios: `python -m tests.faults.providers_run --seed 7`. Exit status 0 or 1."""

import argparse
import asyncio
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import msgspec
from tests.faults.providers_plan import plan_of
from tests.faults.providers_scenario import Outcome, run_plan

from paywright.db.embedded import EmbeddedServer
from paywright.db.migrate import migrate

_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
    "autovacuum": "off",
}


@contextmanager
def _server() -> Iterator[str]:
    """The URL of a server on which databases may be made: an own one, for the time being."""
    if (url := os.environ.get("PAYWRIGHT_TEST_SERVER")) is not None:
        yield url
        return
    folder = Path(tempfile.mkdtemp(prefix="paywright-faults-"))
    folder.chmod(0o755)
    server = EmbeddedServer(folder, settings=_SETTINGS)
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(folder)  # made by mkdtemp, above


async def _run_all(server: str, seeds: Sequence[int], options: argparse.Namespace) -> bool:
    places = asyncio.Semaphore(options.parallel)
    template = f"paywright_faults_{secrets.token_hex(4)}"
    await _execute(server, f"create database {template}")
    await migrate(_on(server, template))

    async def one(seed: int) -> Outcome:
        name = f"{template}_{secrets.token_hex(4)}"
        async with places:
            await _execute(server, f"create database {name} template {template}")
            try:
                outcome = await run_plan(
                    _on(server, name), plan_of(seed, payments=options.payments)
                )
            finally:
                await _execute(server, f"drop database {name} with (force)")
        told = msgspec.json.encode(outcome).decode() if options.json else outcome.told()
        print(told, flush=True)  # noqa: T201
        return outcome

    try:
        outcomes = await asyncio.gather(*(one(seed) for seed in seeds))
    finally:
        await _execute(server, f"drop database {template} with (force)")
    wrong = [it.plan.seed for it in outcomes if it.wrong]
    if not options.json:
        print(f"{len(outcomes) - len(wrong)} of {len(outcomes)} sound; not: {wrong}")  # noqa: T201
    return not wrong


async def _execute(server: str, statement: str) -> None:
    admin = await asyncpg.connect(server)
    try:
        await admin.execute(statement)
    finally:
        await admin.close()


def _on(server: str, database: str) -> str:
    return urlunsplit(urlsplit(server)._replace(path=f"/{database}"))


def seeds_of(text: str) -> list[int]:
    """`7`, `1,4` or `1000-1050`."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", default="1", help="of the first run; or 1,4 or 1000-1050")
    parser.add_argument("--seeds", type=int, default=1, help="so many, from the first on")
    parser.add_argument("--payments", type=int, default=60, help="that are asked for in a run")
    parser.add_argument("--parallel", type=int, default=2, help="runs at a time")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each run")
    options = parser.parse_args()
    seeds = seeds_of(options.seed)
    seeds += range(seeds[-1] + 1, seeds[-1] + options.seeds)
    with _server() as server:
        return 0 if asyncio.run(_run_all(server, seeds, options)) else 1


if __name__ == "__main__":
    sys.exit(main())
