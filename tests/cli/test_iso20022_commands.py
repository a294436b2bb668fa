"""`paywright iso20022 inspect`: without a database, for people and for machines."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.iso20022.iso_files import STATEMENT, a_batch, a_transfer, an_answer

from paywright.iso20022.pain001 import write_pain001

ROOT = Path(__file__).parents[2]
FILE = write_pain001(a_batch(a_transfer(1), a_transfer(2, creditor_name="Blue Door")))


class Inspect:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, data: bytes, *args: str) -> subprocess.CompletedProcess[str]:
        path = self.folder / "file.xml"
        path.write_bytes(data)
        return self.run(str(path), *args)

    def run(self, *args: str, told: str | None = None) -> subprocess.CompletedProcess[str]:
        """With a database that nobody can reach: what needs one fails."""
        return subprocess.run(
            [sys.executable, "-m", "paywright", "iso20022", "inspect", *args],
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"),
                "HOME": str(self.folder), "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
            },
            input=told, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip


@pytest.fixture
def inspect(tmp_path: Path) -> Inspect:
    return Inspect(tmp_path)


def test_a_file_that_agrees_is_shown(inspect: Inspect) -> None:
    done = inspect(FILE.replace(b"Blue Door", b"Blue [/] Door"))
    assert (done.returncode, done.stderr) == (0, "")
    for told in ("pain.001.001.09", "RUN-1", "RUN-1-EUR", "2026-11-23", "DE89370400440532013000",
                 "Quorra Plumbing", "FR1420041010050500013M02606", "10.50 EUR", "Blue [/] Door",
                 "21.00 EUR", "SEPA", "Everything agrees"):  # fmt: skip
        assert told in done.stdout


def test_machines_get_json(inspect: Inspect) -> None:
    done = inspect(FILE, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert (told["name"], told["kind"], told["id"]) == ("pain.001.001.09", "pain.001", "RUN-1")
    assert (told["agrees"], told["findings"], told["counted"]) == (True, [], 2)
    assert told["sums"] == {"EUR": "21.00"}
    (block,) = told["blocks"]
    assert (block["id"], block["service_level"], block["date"]) == (
        "RUN-1-EUR", "SEPA", "2026-11-23",
    )  # fmt: skip
    first = block["transactions"][0]
    assert first["end_to_end_id"] == "E1"
    assert first["amount"] == {
        "written": "10.50", "currency": "EUR", "value": "10.50", "minor": 1050,
    }  # fmt: skip
    assert first["creditor_account"]["iban"] == "FR1420041010050500013M02606"
    assert first["remittance"]["unstructured"] == ["Bill 17"]


def test_what_does_not_agree_makes_the_status_1(inspect: Inspect) -> None:
    data = FILE.replace(b"<NbOfTxs>2", b"<NbOfTxs>3", 1)
    done = inspect(data, "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert told["agrees"] is False
    (finding,) = told["findings"]
    assert (finding["rule"], finding["weight"]) == ("transaction_count", "error")
    done = inspect(data)
    assert done.returncode == 1
    assert "it says 3 transactions, there are 2" in done.stdout
    assert "Everything agrees" not in done.stdout


def test_a_notice_leaves_the_status_at_0(inspect: Inspect) -> None:
    done = inspect(FILE.replace(b"Blue Door", "Blü Door".encode()))
    assert done.returncode == 0
    assert "ü may not be taken" in done.stdout


def test_an_answer_is_told_in_words(inspect: Inspect) -> None:
    data = an_answer(
        "<OrgnlPmtInfAndSts><OrgnlPmtInfId>RUN-1-EUR</OrgnlPmtInfId><TxInfAndSts>"
        "<OrgnlEndToEndId>E2</OrgnlEndToEndId><TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>AM04</Cd>"
        "</Rsn></StsRsnInf></TxInfAndSts></OrgnlPmtInfAndSts>",
        status="<GrpSts>PART</GrpSts>",
    )
    done = inspect(data)
    assert done.returncode == 0
    for told in ("RUN-1", "PART (accepted in part)", "E2", "RJCT (rejected)",
                 "AM04 (not enough money)"):  # fmt: skip
        assert told in done.stdout
    report = json.loads(inspect(data, "--json").stdout)["report"]
    (transaction,) = report["transactions"]
    assert (report["message_id"], report["concerns_all"]) == ("RUN-1", False)
    assert transaction["reasons"] == [
        {"code": "AM04", "meaning": "AM04 (not enough money)", "text": None}
    ]


def test_a_rejected_message_says_that_it_is_all_of_it(inspect: Inspect) -> None:
    done = inspect(an_answer("", status="<GrpSts>RJCT</GrpSts>"))
    assert "all its payments: RJCT (rejected)" in done.stdout


def test_a_statement_is_shown(inspect: Inspect) -> None:
    done = inspect(STATEMENT)
    assert done.returncode == 0
    for told in ("camt.053.001.08", "Ostrava Estates", "OPBD", "DBIT 150.50 EUR", "E1"):
        assert told in done.stdout


def test_standard_input_is_read(inspect: Inspect) -> None:
    done = inspect.run("-", "--json", told=FILE.decode())
    assert (done.returncode, json.loads(done.stdout)["id"]) == (0, "RUN-1")


def test_what_cannot_be_read_makes_the_status_2(inspect: Inspect) -> None:
    done = inspect(FILE[:500])
    assert (done.returncode, done.stdout) == (2, "")
    assert "line" in done.stderr
    assert "Traceback" not in done.stderr
    done = inspect.run("missing.xml", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert "missing.xml: No such file" in done.stderr
    assert inspect.run(".").returncode == 2


def test_a_file_does_not_steer_the_terminal(inspect: Inspect) -> None:
    done = inspect(FILE.replace(b"Blue Door", "Blue\u009b31mDoor\u202e".encode()))
    assert "\u009b" not in done.stdout
    assert "\u202e" not in done.stdout
    assert "Blue·31mDoor·" in done.stdout
