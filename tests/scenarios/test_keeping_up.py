"""`paywright up` is stopped, killed, or loses a part of itself."""

import os
import signal
import time

import psutil
import pytest
from tests.processes import Process, children_of, postmaster, wait_until
from tests.scenarios.house import House, decided, new_issue, running

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_in_order(lived_in: House, number: signal.Signals) -> None:
    up = lived_in.up()
    os.killpg(up.pid, number)  # as a terminal does: the whole foreground group
    assert up.wait() == 0, up.complained()
    assert "Stopped." in up.said()
    assert up.complained() == ""
    assert lived_in.is_empty()
    log = (lived_in.data / "logs/api.log").read_text()
    assert "api.stopped" in log
    server_log = (lived_in.data / "postgres/server.log").read_text()
    assert "database system is shut down" in server_log


@pytest.mark.parametrize("step", ["Paywright", "Database", "Data ", "API"])
def test_ctrl_c_while_it_starts_leaves_nothing_running(lived_in: House, step: str) -> None:
    up = lived_in.start("up")
    wait_until(lambda: step in up.said(), what=step)
    os.killpg(up.pid, signal.SIGINT)
    assert up.wait() == 0, up.said() + up.complained()
    assert up.complained() == ""
    assert lived_in.is_empty()
    assert lived_in.told("jobs", "dead") == []


def test_after_a_kill_the_rest_goes_by_itself_and_the_next_start_works(lived_in: House) -> None:
    up = lived_in.up()
    with lived_in.client() as client:
        issue_id = new_issue(client, "before")
        up.kill()
    wait_until(lived_in.is_empty, what="children and database to go")
    with running(lived_in), lived_in.client() as client:
        assert new_issue(client, "before") == issue_id
        assert decided(client, issue_id)["decision"]


def test_after_a_kill_it_can_be_started_at_once(lived_in: House) -> None:
    lived_in.up().kill()
    with running(lived_in), lived_in.client() as client:
        assert decided(client, new_issue(client, "after"))


@pytest.mark.parametrize("part", ["serve", "work", "postgres", "all"])
def test_what_dies_is_started_again(lived_in: House, part: str) -> None:
    with running(lived_in) as up, lived_in.client() as client:
        decided(client, new_issue(client, "before"))
        victims = parts(lived_in, up, part)
        for victim in victims:
            victim.kill()
        psutil.wait_procs(victims, timeout=5)
        issue_id = new_issue(client, "after")
        assert decided(client, issue_id)["decision"]
        wait_until(up.answers, what="readiness")
        assert not {process.pid for process in victims} & {
            process.pid for process in parts(lived_in, up, "all")
        }
        assert "again" in up.said()
        assert lived_in.told("jobs", "dead") == []


def parts(house: House, up: Process, name: str) -> list[psutil.Process]:
    if name == "all":
        return [part for name in ("serve", "work", "postgres") for part in parts(house, up, name)]
    found = [postmaster(house.data)] if name == "postgres" else list(children_of(up, name))
    assert len(found) == 1
    return found


def test_two_api_processes_serve_on_one_port(lived_in: House) -> None:
    with running(lived_in, API_PROCESSES=2) as up, lived_in.client() as client:
        apis = list(children_of(up, "serve"))
        assert len(apis) == 2
        decided(client, new_issue(client, "first"))
        apis[0].kill()
        wait_until(lambda: len(list(children_of(up, "serve"))) == 2, what="the second process")
        for number in range(10):
            with lived_in.client() as another:
                new_issue(another, f"more-{number}")
        metrics = client.get("/metrics").text
        assert "database_up 1.0" in metrics


def test_a_part_that_cannot_be_kept_up_ends_it_all_with_its_last_words(lived_in: House) -> None:
    up = lived_in.up()
    began = time.monotonic()
    for _ in range(8):
        if not up.is_running():
            break
        wait_until(lambda: not up.is_running() or list(children_of(up, "work")), what="a worker")
        for worker in list(children_of(up, "work")) if up.is_running() else []:
            worker.kill()
            psutil.wait_procs([worker], timeout=5)
    assert up.wait(120) == 1
    assert time.monotonic() - began < 120
    assert "worker keeps ending" in up.complained()
    assert lived_in.is_empty()
