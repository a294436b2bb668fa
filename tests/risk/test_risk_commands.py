"""`paywright risk`: what it prints, and what its exit status says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.builders import TEST_KEY
from tests.risk.risk_building import a_movement, put_on_file, weigh

from paywright.core.ids import PaymentId
from paywright.db.pool import Database
from paywright.risk.rule_set import default_source

ROOT = Path(__file__).parents[2]


class Risk:
    """The command, on a database of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url

    def __call__(self, *args: str) -> subprocess.CompletedProcess[str]:
        env = {
            "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "HOME": str(self.folder),
            "DATABASE_URL": self.url, "ENCRYPTION_KEY": TEST_KEY,
        }  # fmt: skip
        return subprocess.run(
            [sys.executable, "-m", "paywright", "risk", *args],
            cwd=self.folder, env=env, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip


@pytest.fixture
def risk(tmp_path: Path, database_url: str) -> Risk:
    return Risk(tmp_path, database_url)


async def test_an_assessment_a_dry_run_and_an_exemption(
    risk: Risk, db: Database, tmp_path: Path
) -> None:
    await put_on_file(db, "cust_1", "cust_2")
    [found] = await weigh(db, a_movement(amount_minor=1_000_001))
    payment_id = str(PaymentId.of(found.payment_id))

    shown = json.loads(risk("show", payment_id, "--json").stdout)
    assert (shown["payment_id"], shown["level"], shown["score"]) == (payment_id, "high", 50)
    assert shown["fired"][0]["rule_id"] == "large-amount"
    text = risk("show", payment_id).stdout
    assert "high, 50 points" in text
    assert "very-large-amount" in text

    file = tmp_path / "rules.yaml"
    source = default_source().partition("\nexamples:")[0]
    file.write_text(source.replace("{points: 20, reason: The", "{points: 5, reason: The"))
    tried = json.loads(risk("dry-run", str(file), "--since", "2026-01-01", "--json").stdout)
    assert (tried["assessed"], tried["moves"]) == (1, {"high→low": 1})
    assert tried["changes"][0]["payment_id"] == payment_id
    assert payment_id in risk("dry-run", str(file)).stdout
    later = json.loads(risk("dry-run", str(file), "--since", "2026-02-01", "--json").stdout)
    assert later["assessed"] == 0

    granted = risk("exemptions", "grant", "cust_1", "--reason", "Rent [a]", "--days", "9",
                   "--currency", "EUR", "--amount-max", "9000.00", "--json")  # fmt: skip
    exemption = json.loads(granted.stdout)
    assert exemption["amount_max_minor"] == 900_000
    assert "9000.00 EUR" in risk("exemptions", "list").stdout
    assert risk("exemptions", "end", exemption["id"]).returncode == 0
    assert json.loads(risk("exemptions", "list", "--in-force", "--json").stdout) == []


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("show", "pay_x"), "not a pay_ id"),
        (("show", "pay_01jgfjjz00fpwsxn5j3vqz0000"), "was not assessed"),
        (("dry-run", "nowhere.yaml"), "cannot read nowhere.yaml"),
        (("exemptions", "grant", "cust_1", "--reason", "a", "--days", "91"), "90 days"),
        (
            ("exemptions", "grant", "c", "--reason", "a", "--days", "9", "--amount-max", "1"),
            "--amount-max needs --currency",
        ),
    ],
)
def test_mistakes_are_told_in_a_sentence(risk: Risk, args: tuple[str, ...], message: str) -> None:
    done = risk(*args)
    assert done.returncode == 1, done.stdout
    assert message in done.stderr
    assert "Traceback" not in done.stderr
