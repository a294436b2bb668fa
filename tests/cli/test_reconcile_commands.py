"""`paywright reconcile`, as a process of its own, against files and the simulated bank."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.builders import TEST_KEY
from tests.processes import Process, sentence
from tests.reconciliation.reconciling import BANK, Booked, a_booking, book
from tests.simulator.simulating import TOKEN, Simulator

from paywright.core.ids import PaymentId
from paywright.db.pool import Database
from paywright.gateway.model import OrderKind

HEADER = "reference,idempotency_key,type,amount_minor,currency,booked_at\n"


class Books:
    """The command, over one database."""

    def __init__(self, folder: Path, url: str, **settings: str) -> None:
        self._folder = folder
        self._settings = {"DATABASE_URL": url, "ENCRYPTION_KEY": TEST_KEY, **settings}

    def reconcile(self, *options: str) -> Process:
        process = Process("reconcile", *options, folder=self._folder, settings=self._settings)
        process.wait(60)
        return process


def written(folder: Path, *made: Booked) -> str:
    rows = [f"{it.reference},{it.id},payout,{it.minor},{it.currency},{it.at.isoformat()}\n"
            for it in made]  # fmt: skip
    path = folder / "statement.csv"
    path.write_text(HEADER + "".join(rows))
    return str(path)


async def test_the_status_tells_whether_a_file_agrees_with_the_books(
    tmp_path: Path, database_url: str, db: Database
) -> None:
    made = [a_booking(n) for n in range(1, 4)]
    await book(db, *made)
    books = Books(tmp_path, database_url)
    options = (BANK, "--day", "2026-01-05", "--file", written(tmp_path, *made))
    agreed = books.reconcile(*options)
    assert agreed.popen.returncode == 0, agreed.complained()
    assert "partner_bank, 2026-01-05: 3 matched, no differences" in agreed.said()
    assert "30.06 EUR" in agreed.said()
    written(tmp_path, *made[:2])
    differs = books.reconcile(*options)
    assert differs.popen.returncode == 1
    for text in ("2 matched, 1 difference", "missing_there", str(made[2].id), "10.03 EUR"):
        assert text in differs.said()
    told = books.reconcile(*options, "--json")
    assert told.popen.returncode == 1
    run = json.loads(told.said())
    assert (run["state"], run["source"], run["differences"]) == ("completed", "file", 1)
    assert [item["outcome"] for item in run["items"]] == ["missing_there"]
    assert run["items"][0]["payment_id"] == str(made[2].id)


async def test_what_cannot_be_compared_is_said_in_a_sentence(
    tmp_path: Path, database_url: str
) -> None:
    books = Books(tmp_path, database_url)
    torn = tmp_path / "torn.csv"
    torn.write_text(HEADER + "bp_1,,payout,1.5,EUR,2026-01-05T10:00:00Z\n")
    for options, complaint in (
        ((BANK, "--day", "2026-01-05", "--file", str(torn)), "line 2, column amount_minor: must"),
        ((BANK, "--day", "2026-01-05", "--file", "none.csv"), "there is no file none.csv"),
        ((BANK, "--day", "2026-01-05"), "partner_bank is not set up here; there is none"),
        ((BANK, "--day", "2999-01-01", "--file", str(torn)), "day: must be from 2000-01-01"),
    ):
        failed = books.reconcile(*options)
        assert failed.popen.returncode == 1
        assert complaint in sentence(failed.complained())
    told = books.reconcile(BANK, "--day", "2026-01-05", "--file", str(torn), "--json")
    assert told.popen.returncode == 1
    run: dict[str, Any] = json.loads(told.said())
    assert (run["state"], run["items"]) == ("failed", [])
    assert run["failure"].startswith("line 2, column amount_minor")


async def test_the_simulated_bank_is_asked_for_its_statement(
    tmp_path: Path, database_url: str, db: Database, simulator: Simulator
) -> None:
    made = []
    for number in range(1, 5):
        id = PaymentId.new(datetime.now(UTC))
        paid = simulator.pay(str(id), end_to_end_id=str(id), amount_minor=1000 + number).json()
        made.append(
            Booked(id=id, kind=OrderKind.PAYOUT, reference=paid["id"], minor=1000 + number,
                   currency="EUR", at=datetime.now(UTC))
        )  # fmt: skip
    await book(db, *made)
    day = made[0].at.date().isoformat()
    bank = f"{simulator.urls['url']}/bank/v1"
    books = Books(tmp_path, database_url, PARTNER_BANK_URL=bank, PARTNER_BANK_TOKEN=TOKEN)
    agreed = books.reconcile(BANK, "--day", day, "--json")
    assert agreed.popen.returncode == 0, agreed.said() + agreed.complained()
    assert json.loads(agreed.said())["outcomes"] == {"matched": 4}
    untrue = {"omit": [made[0].reference], "change": {made[1].reference: 1}}
    assert simulator.http.put("/control/statement", json=untrue).status_code == 200
    differs = json.loads(books.reconcile(BANK, "--day", day, "--json").said())
    assert [(item["outcome"], item["key"]) for item in differs["items"]] == [
        ("different_amount", str(made[1].id)), ("missing_there", str(made[0].id)),
    ]  # fmt: skip
    simulator.http.close()
    simulator.process.kill()
    lost = books.reconcile(BANK, "--day", day)
    assert lost.popen.returncode == 1
    assert "not compared" in sentence(lost.complained())
