"""KYC on the command line, with a worker and a provider as processes of their own."""

import json
from pathlib import Path

import httpx2
import psutil
import pytest
from tests.builders import TEST_KEY
from tests.kyc.knowing import CUSTOMER, register
from tests.processes import SOURCE, Process, free_port, wait_until
from tests.simulator.simulating import TOKEN, Simulator, a_payment, simulating

from paywright.cli.console import CommandFailed
from paywright.cli.processes import Child
from paywright.cli.simulator_commands import (
    choose_port,
    simulator_command,
    simulator_environment,
)
from paywright.db.pool import Database


def ran(folder: Path, *command: str, settings: dict[str, str], status: int = 0) -> str:
    """What a command said, on stdout or, where it failed, on stderr."""
    process = Process(*command, folder=folder, settings=settings)
    assert process.wait() == status, process.complained()
    return process.said() if status == 0 else process.complained()


def a_child(folder: Path, port: int) -> Child:
    """A simulator as `paywright up` starts one."""
    command = simulator_command(port, books=folder / "books.jsonl", seed=3)
    env = {"PYTHONPATH": str(SOURCE)}
    return Child("simulator", command, log=folder / "simulator.log", env=env)


async def test_a_check_is_asked_for_done_by_a_worker_and_shown(
    tmp_path: Path, database_url: str, db: Database
) -> None:
    await register(db)
    port = choose_port(0)
    child = a_child(tmp_path, port)
    settings = {
        "DATABASE_URL": database_url,
        "ENCRYPTION_KEY": TEST_KEY,
        **simulator_environment(port),
    }
    worker = Process("work", folder=tmp_path, settings=settings)
    child.start()
    try:
        asked = ran(tmp_path, "kyc", "request", CUSTOMER, settings=settings)
        assert asked.startswith("kyc_")

        def is_verified() -> bool:
            shown = ran(tmp_path, "kyc", "show", CUSTOMER, "--json", settings=settings)
            return json.loads(shown)["status"] == "verified"

        wait_until(is_verified, seconds=40, what="the worker")
    finally:
        worker.popen.terminate()
        assert worker.wait() == 0
        assert child.stop(5)
    shown = ran(tmp_path, "kyc", "show", CUSTOMER, settings=settings)
    assert shown.startswith(f"{CUSTOMER}: verified since ")
    decided = ran(
        tmp_path, "kyc", "set", CUSTOMER, "rejected", "--reason", "forged [/]", settings=settings
    )
    assert "rejected (forged [/])" in decided
    nobody = ran(tmp_path, "kyc", "show", "nobody", settings=settings, status=1)
    assert nobody == "✗ There is no such customer: nobody\n"


def test_a_simulator_that_is_killed_is_started_again_with_its_books(tmp_path: Path) -> None:
    port = choose_port(0)
    child = a_child(tmp_path, port)
    bank = httpx2.Client(
        base_url=simulator_environment(port)["PARTNER_BANK_URL"],
        headers={"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": "k1"},
    )

    def pay() -> httpx2.Response | None:
        try:
            return bank.post("/payments", json=a_payment())
        except httpx2.TransportError:
            return None

    child.start()
    try:
        first = wait_until(pay)
        assert child.pid is not None
        psutil.Process(child.pid).kill()
        wait_until(child.has_ended)
        wait_until(lambda: (child.keep_up() or "").endswith(f"again (pid {child.pid})"))
        again = wait_until(pay)
        assert first is not None
        assert again is not None
        assert again.content == first.content
        assert again.headers["idempotency-replayed"] == "true"
    finally:
        bank.close()
        assert child.stop(5)


def test_a_port_that_cannot_be_had_is_named(running: Simulator) -> None:
    taken = int(running.urls["url"].rsplit(":", 1)[1])
    for port in (taken, 70_000):
        with pytest.raises(CommandFailed, match=str(port)):
            choose_port(port)


def test_knobs_may_be_set_at_the_start(tmp_path: Path) -> None:
    options = ["--failure-rate", "0.5", "--latency-ms", "7", "--port", str(free_port())]
    with simulating(tmp_path, *options, "--token", "simulator") as simulator:
        faults = simulator.http.get("/control/faults").json()
        assert (faults["failure_rate"], faults["latency"]["ms"]) == (0.5, 7)
    wrong = ran(tmp_path, "simulate-provider", "--failure-rate", "7", settings={}, status=1)
    assert wrong.startswith("✗ Expected `float` <= 1")
