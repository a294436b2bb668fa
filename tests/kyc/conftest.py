"""One simulator for the tests of a file, as good as new for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.simulator.simulating import Simulator, simulating


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    folder: Path = tmp_path_factory.mktemp("simulator")
    with simulating(folder) as simulator:
        yield simulator


@pytest.fixture
def simulator(running: Simulator) -> Simulator:
    running.reset()
    return running
