"""Fixtures of the fault tests."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.faults.stage import Clients, Stage, staged
from tests.processes import reachable_folder

_TIMEOUT_S = 600  # most of these tests start processes, which takes its time on a slow machine


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that name no time of their own have this one."""
    for item in items:
        is_here = item.path.is_relative_to(Path(__file__).parent)
        if is_here and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(_TIMEOUT_S))


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
