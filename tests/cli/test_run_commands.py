"""`paywright payment-runs`, as a process of its own: from a run to a file, and back."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.builders import TEST_KEY
from tests.iso20022.pain002_writing import write_pain002
from tests.payment_runs.running import Payroll
from tests.payments.paying import an_office, settings_of
from tests.processes import Process, sentence
from tests.simulator.simulating import IBAN, Simulator

from paywright.core.ids import PaymentId
from paywright.iso20022.model import StatusReport, TransactionStatus
from paywright.payment_runs.names import end_to_end_id


@pytest.fixture
async def payroll(database_url: str, simulator: Simulator) -> AsyncIterator[Payroll]:
    async with an_office(database_url, settings_of(simulator)) as office:
        payroll = Payroll(office)
        await payroll.prepare()
        yield payroll


class Desk:
    """The command, over one database."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._settings = {
            "DATABASE_URL": url,
            "ENCRYPTION_KEY": TEST_KEY,
            "PAYMENT_FILE_DEBTOR_NAME": "Werkstatt Nord GmbH",
            "PAYMENT_FILE_DEBTOR_IBAN": IBAN,
        }

    def run(self, *options: str) -> Process:
        process = Process("payment-runs", *options, folder=self._folder, settings=self._settings)
        process.wait(60)
        return process

    def told(self, *options: str) -> Any:
        process = self.run(*options, "--json")
        assert process.popen.returncode == 0, process.complained()
        return json.loads(process.said())


async def test_a_file_is_made_given_to_the_bank_and_answered(
    payroll: Payroll, tmp_path: Path, database_url: str
) -> None:
    desk = Desk(tmp_path, database_url)
    await payroll.waiting(100, 200, vendor="sued")
    run = desk.told("create", "eur", "--method", "file")
    assert (run["status"], run["payments"], run["amount_minor"]) == ("collected", 2, 300)
    file = tmp_path / "to-bank.xml"
    exported = desk.told("export", run["id"], str(file))
    assert (exported["status"], exported["bytes"]) == ("released", file.stat().st_size)
    assert file.stat().st_mode & 0o077 == 0
    before = file.read_bytes()
    again = desk.run("export", run["id"], str(file))
    assert (again.popen.returncode, file.read_bytes()) == (0, before)
    assert "is released: 2 payments by file, 3.00 EUR" in again.said()
    first, second = (PaymentId.parse(it["id"]) for it in run["items"])
    stranger = PaymentId.new(datetime.now(UTC))
    lines = tuple(
        TransactionStatus(end_to_end_id=end_to_end_id(it), status=status)
        for it, status in ((first, "ACSC"), (second, "RJCT"), (stranger, "ACSC"))
    )
    answer = tmp_path / "from-bank.xml"
    report = StatusReport(message_id=run["message_id"], group_status="PART", transactions=lines)
    answer.write_bytes(write_pain002(report, created_at=datetime.now(UTC)))
    taken = desk.run("import", str(answer))
    assert taken.popen.returncode == 0, taken.complained()
    assert "1 made, 1 failed, 0 not decided, 0 known before" in taken.said()
    assert "not_in_run" in taken.said()
    assert desk.told("import", str(answer), "--run", run["id"])["replayed"] is True
    shown = desk.told("show", run["id"])
    assert (shown["status"], len(shown["status_reports"])) == ("completed", 1)
    assert [it["id"] for it in desk.told("list")] == [run["id"]]
    for options in (("show", run["id"]), ("list",)):
        assert run["id"] in desk.run(*options).said()


async def test_a_run_is_released_or_canceled(
    payroll: Payroll, tmp_path: Path, database_url: str
) -> None:
    desk = Desk(tmp_path, database_url)
    await payroll.waiting(100, 200)
    run = desk.told("create", "EUR", "--method", "provider", "--limit", "1")
    assert desk.told("cancel", run["id"])["status"] == "canceled"
    run = desk.told("create", "EUR", "--method", "provider")
    released = desk.told("release", run["id"])
    assert (released["status"], released["held_back"]) == ("released", [])
    assert len(await payroll.office.jobs("settle_payment")) == 2


async def test_what_cannot_be_done_is_said_in_a_sentence(
    payroll: Payroll, tmp_path: Path, database_url: str
) -> None:
    desk = Desk(tmp_path, database_url)
    nothing = tmp_path / "nothing.xml"
    nothing.write_text("nothing")
    for options, complaint in (
        (("create", "EUR", "--method", "provider"), "No approved payment waits for such a run"),
        (("show", "run_nonsense"), "not a run_ id"),
        (("export", f"run_{'0' * 26}", "x.xml"), "There is no such payment run"),
        (("import", "none.xml"), "cannot read none.xml"),
        (("import", str(nothing)), "not a message of ISO 20022"),
    ):
        failed = desk.run(*options)
        assert failed.popen.returncode == 1, options
        assert complaint in sentence(failed.complained())
