"""Fixtures of the fault tests."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.faults.stage import Clients, Stage, staged
from tests.processes import reachable_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    with reachable_folder() as path:
        yield path


@pytest.fixture
async def stage(database_url: str, folder: Path) -> AsyncIterator[Stage]:
    async with staged(database_url, folder) as stage:
        yield stage


@pytest.fixture
def clients() -> Clients:
    return Clients()
