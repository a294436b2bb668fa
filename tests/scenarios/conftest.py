"""Fixtures of the scenarios."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.processes import reachable_folder
from tests.scenarios.house import House


@pytest.fixture
def house() -> Iterator[House]:
    """An installation that was never started."""
    with reachable_folder() as folder:
        yield House(folder)
        for log in sorted(folder.glob("data/logs/*.log")):  # shown when the test failed
            sys.stdout.write(f"--- {log.name}\n{log.read_text(errors='replace')[-8000:]}\n")


@pytest.fixture(scope="session")
def shown() -> Iterator[Path]:
    """The data of an installation on which `paywright demo` ran once."""
    with reachable_folder() as folder:
        house = House(folder)
        demo = house.run("demo")
        assert demo.wait() == 0, demo.said() + demo.complained()
        yield house.data


@pytest.fixture
def lived_in(house: House, shown: Path) -> House:
    """An installation with the samples, decided. Saves the two seconds of making a database."""
    return house.copy_of(shown)
