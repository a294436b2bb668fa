"""When it cannot start it says why, in a sentence, and leaves nothing running."""

import os
import pwd
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.processes import Process, sentence
from tests.scenarios.house import House, running

pytestmark = pytest.mark.faults


@pytest.fixture
def taken(house: House) -> Iterator[int]:
    """A port that another program listens on."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        yield door.getsockname()[1]


def refusal(process: Process) -> str:
    """The sentence of a command that did not succeed."""
    assert process.wait() == 1, process.said() + process.complained()
    return sentence(process.complained())


@pytest.mark.parametrize("command", ["up", "demo", "serve"])
def test_a_taken_port_is_named(house: House, taken: int, command: str) -> None:
    said = refusal(house.run(command, PORT=taken))
    assert said == (
        f"port {taken} on 127.0.0.1 is taken by another program; "
        f"choose another one, for example: PORT={taken + 1} make run"
    )
    assert house.is_empty()


def test_a_machine_is_told_nothing_when_there_is_nothing(house: House, taken: int) -> None:
    process = house.run("demo", "--json", PORT=taken)
    assert "is taken" in refusal(process)
    assert process.said() == ""


@pytest.mark.parametrize(
    ("place", "command"),
    [
        ("a-file", ["up"]),
        ("a-file/below", ["demo", "--json"]),
        ("a-file", ["ingest-samples"]),
        ("a-file/below", ["serve"]),
    ],
)
def test_a_data_folder_that_cannot_be_made_is_named(
    house: House, place: str, command: list[str]
) -> None:
    (house.folder / "a-file").write_text("dear")
    said = refusal(house.run(*command, PAYWRIGHT_DATA_DIR=house.folder / place))
    assert str(house.folder / place) in said
    assert "set PAYWRIGHT_DATA_DIR to a folder" in said
    assert (house.folder / "a-file").read_text() == "dear"
    assert house.is_empty()


@pytest.mark.parametrize("command", [["jobs", "list"], ["serve"], ["work"]])
def test_with_a_database_elsewhere_the_data_folder_still_has_to_be_one(
    house: House, database_url: str, command: list[str]
) -> None:
    """It holds the encryption key."""
    (house.folder / "a-file").write_text("dear")
    place = house.folder / "a-file"
    said = refusal(house.run(*command, PAYWRIGHT_DATA_DIR=place, DATABASE_URL=database_url))
    assert str(place) in said


@pytest.mark.parametrize("command", ["up", "demo"])
def test_a_data_folder_of_somebody_else_is_named(house: House, command: str) -> None:
    house.data.mkdir(mode=0o755)
    options = _as_normal_user(house.folder)
    settings = {"PAYWRIGHT_DATA_DIR": house.data, "PORT": house.port}
    said = refusal(Process(command, folder=house.folder, settings=settings, **options))
    assert said.startswith(f"cannot write to {house.data}: Permission denied")
    assert list(house.data.iterdir()) == []


def _as_normal_user(folder: Path) -> dict[str, object]:
    """Options to be somebody who may not write everywhere."""
    if os.geteuid() != 0:
        folder.joinpath("data").chmod(0o555)
        return {}
    entry = pwd.getpwnam("nobody")
    user: dict[str, object] = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    for python in (sys.executable, "/usr/bin/python3"):  # root's own may be private
        try:
            trial = Process("settings", folder=folder, python=python, **user)
        except OSError:
            continue
        if trial.wait() == 0:
            return {**user, "python": python}
    return pytest.skip("no Python environment that a normal user can reach")


def test_a_second_one_on_the_same_data_is_refused_and_the_first_unharmed(lived_in: House) -> None:
    with running(lived_in) as first:
        for command in ("up", "demo"):
            second = lived_in.run(command, PORT=House(lived_in.folder).port)
            said = refusal(second)
            assert f"is already running (pid {first.pid})" in said
            assert "set PAYWRIGHT_DATA_DIR to another folder" in said
        assert "is taken" in refusal(lived_in.run("up"))
        # Other commands still find the database, and the providers.
        assert lived_in.told("jobs", "list") == []
        names = [it["name"] for it in lived_in.told("providers", "status")]
        assert names == ["partner_bank", "stripe"]
        assert first.answers()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"PORT": "many"}, "PORT"),
        ({"QUEUE_LEASE_MS": "1"}, "QUEUE_LEASE_MS"),
        ({"AI_HUMAN_REVIEW_THRESHOLD": "95"}, "AI_HUMAN_REVIEW_THRESHOLD"),
        ({"ENVIRONMENT": "production"}, "DATABASE_URL"),
        ({"ENCRYPTION_KEY": "short"}, "ENCRYPTION_KEY"),
        ({"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}, "database"),
        ({"DATABASE_URL": "not a url"}, "DATABASE_URL"),
    ],
)
def test_a_wrong_setting_is_named(house: House, settings: dict[str, object], named: str) -> None:
    assert named in refusal(house.run("up", **settings))
    assert house.is_empty()
