"""A PostgreSQL for the whole run, and a database of its own, cloned from a template, for each test.

The server is an embedded one, in a temporary folder, without fsync; PAYWRIGHT_TEST_SERVER names
another server on which databases may be made. It is started by the process that controls the
run; the workers of `pytest -n` find it through the environment.
"""

import asyncio
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from tests.simulator.simulating import Simulator, simulating

from paywright.db.embedded import EmbeddedServer
from paywright.db.migrate import migrate
from paywright.db.pool import Database

_SERVER = "PAYWRIGHT_TEST_SERVER"
_TEMPLATE = "PAYWRIGHT_TEST_TEMPLATE"
_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
    "autovacuum": "off",
}


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    # Nothing of the developer's own settings may leak into a test.
    for name in ("DATABASE_URL", "PORT", "ENVIRONMENT", "ENCRYPTION_KEY", "PAYWRIGHT_DATA_DIR"):
        os.environ.pop(name, None)
    if _SERVER not in os.environ:
        folder = Path(tempfile.mkdtemp(prefix="paywright-tests-"))
        folder.chmod(0o755)
        server = EmbeddedServer(folder, settings=_FAST)
        os.environ[_SERVER] = server.start()

        def stop() -> None:
            server.stop()
            shutil.rmtree(folder)  # made by mkdtemp, above

        config.add_cleanup(stop)
    template = f"paywright_template_{secrets.token_hex(4)}"
    os.environ[_TEMPLATE] = template
    asyncio.run(_make_template(os.environ[_SERVER], template))
    config.add_cleanup(lambda: asyncio.run(_drop(os.environ[_SERVER], template)))


def on_server(url: str, database: str) -> str:
    """The URL of another database on the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


async def _make_template(server: str, name: str) -> None:
    admin = await asyncpg.connect(server)
    await admin.execute(f"create database {name}")
    await admin.close()
    await migrate(on_server(server, name))


async def _drop(server: str, name: str) -> None:
    admin = await asyncpg.connect(server)
    await admin.execute(f"drop database if exists {name} with (force)")
    await admin.close()


@pytest.fixture
def database_url() -> Iterator[str]:
    """The URL of a fresh, migrated, empty database."""
    server, template = os.environ[_SERVER], os.environ[_TEMPLATE]
    name = f"paywright_test_{secrets.token_hex(6)}"

    async def create() -> None:
        admin = await asyncpg.connect(server)
        await admin.execute(f"create database {name} template {template}")
        await admin.close()

    asyncio.run(create())
    yield on_server(server, name)
    asyncio.run(_drop(server, name))


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """A pool on a fresh, migrated, empty database."""
    database = await Database.connect(database_url, connections_max=10)
    yield database
    await database.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    folder = tmp_path_factory.mktemp("simulator")
    with simulating(folder) as simulator:
        yield simulator


@pytest.fixture
def simulator(running: Simulator) -> Simulator:
    running.reset()
    return running
