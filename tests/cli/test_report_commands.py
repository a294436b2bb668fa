"""`paywright reports`, as a process of its own."""

import csv
import io
import json
from pathlib import Path

from tests.builders import TEST_KEY
from tests.processes import Process, sentence
from tests.reporting.reported import a_bill, put

from paywright.db.pool import Database

YEAR = ("--from", "2026-01-01", "--to", "2027-01-01")


class Reports:
    """The command, over one database."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._settings = {"DATABASE_URL": url, "ENCRYPTION_KEY": TEST_KEY}

    def ask(self, *options: str) -> Process:
        process = Process("reports", *options, folder=self._folder, settings=self._settings)
        process.wait(60)
        return process

    def told(self, *options: str) -> str:
        process = self.ask(*options)
        assert process.popen.returncode == 0, process.said() + process.complained()
        return process.said()


async def test_reports_are_tables_for_people_and_json_or_csv_for_machines(
    tmp_path: Path, database_url: str, db: Database
) -> None:
    waiting = a_bill(status="pending_approval", minor=2_500, incident_id="inc_9")
    await put(
        db, waiting,
        a_bill(minor=123_456, incident_id="inc_9", vendor_id="vendor_b"),
        a_bill(minor=50, status="failed"),
    )  # fmt: skip
    reports = Reports(tmp_path, database_url)
    table = reports.told("vendor-payouts", *YEAR)
    for text in ("2026-01-01", "vendor_b", "1234.56 EUR", "0.50 EUR"):
        assert text in table
    (row,) = json.loads(reports.told("vendor-payouts", *YEAR, "--vendor", "vendor_b", "--json"))
    assert (row["period"], row["amount_minor"], row["failed"]) == ("2026-01-01", 123_456, 0)
    rows = list(csv.DictReader(io.StringIO(
        reports.told("vendor-payouts", *YEAR, "--group-by", "day", "--csv")
    )))  # fmt: skip
    assert [(it["period"], it["amount"]) for it in rows] == [
        ("2026-01-05", "0.00"), ("2026-01-05", "1234.56"),
    ]  # fmt: skip
    costs = reports.told("incident-costs")
    for text in ("inc_9", "1259.56 EUR", "25.00 EUR"):
        assert text in costs
    ageing = reports.told("approval-ageing")
    for text in ("30 days and more", "25.00 EUR", str(waiting.id)):
        assert text in ageing
    assert json.loads(reports.told("approval-ageing", "--json"))["oldest"]["id"] == str(waiting.id)
    assert "approved" in reports.told("approval-ageing", "--csv")
    assert "driver" in reports.told("payer-type-spend", *YEAR)
    assert "Nothing in this period." in reports.told("payer-type-spend", "--to", "2020-01-01")


async def test_what_makes_no_sense_is_said_in_a_sentence(tmp_path: Path, database_url: str) -> None:
    reports = Reports(tmp_path, database_url)
    for options, complaint in (
        (("--from", "2026-02-01", "--to", "2026-01-01"), "from: is after `to`"),
        (("--from", "yesterday"), "from: must be a date"),
        (("--csv", "--json"), "either --csv or --json"),
    ):
        failed = reports.ask("incident-costs", *options)
        assert failed.popen.returncode == 1
        assert complaint in sentence(failed.complained())
