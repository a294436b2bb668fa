"""`paywright providers`: what it prints, and what its exit status says."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.builders import TEST_KEY
from tests.gateway.gateway_calls_on_file import put_calls_on_file

from paywright.db.pool import Database
from paywright.gateway.model import Approved, Lost, Why

ROOT = Path(__file__).parents[2]


class Providers:
    """The command, on a database of its own, with one bank set up."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url

    def __call__(self, *args: str) -> subprocess.CompletedProcess[str]:
        env = {
            "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "HOME": str(self.folder),
            "DATABASE_URL": self.url, "ENCRYPTION_KEY": TEST_KEY,
            "PARTNER_BANK_URL": "http://127.0.0.1:9/v1", "PARTNER_BANK_TOKEN": "t",
        }  # fmt: skip
        return subprocess.run(
            [sys.executable, "-m", "paywright", "providers", *args],
            cwd=self.folder, env=env, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    def json(self, *args: str) -> object:
        done = self(*args, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def providers(tmp_path: Path, database_url: str) -> Providers:
    return Providers(tmp_path, database_url)


async def test_status_attempts_and_summary(providers: Providers, db: Database) -> None:
    at = datetime.now(UTC) - timedelta(seconds=1)
    lost, ok = Lost(why=Why.TIMEOUT), Approved("bank_1")
    [payment_id, _] = await put_calls_on_file(db, "partner_bank", [lost, ok], [ok], at=at)

    [bank] = providers.json("status")  # type: ignore[misc]
    assert (bank["name"], bank["breaker"]["state"]) == ("partner_bank", "closed")
    assert (bank["window"]["attempts"], bank["window"]["failed"]) == (3, 1)
    shown = providers("status").stdout
    assert "partner_bank" in shown
    assert "1 of 3" in shown

    listed = providers.json("attempts", "partner_bank")
    assert isinstance(listed, list)
    mine = [it for it in listed if it["payment_id"] == str(payment_id)]
    assert [(it["seq"], it["outcome"]) for it in mine] == [(2, "approved"), (1, "lost")]
    text = providers("attempts", "partner_bank").stdout
    assert f"payout {payment_id}" in text
    assert "lost timeout" in text
    assert len(providers.json("attempts", "partner_bank", "--limit", "1")) == 1  # type: ignore[arg-type]

    told = providers("summary", "--minutes", "60").stdout
    assert told.startswith(
        "In the last 60 minutes 1 of 3 attempts (33 %) with partner_bank failed, with timeout; the "
        "median latency was 100 ms. The circuit breaker has been closed since "
    )
    assert told.count("\n") == 1
    summary = providers.json("summary", "--minutes", "60")
    assert isinstance(summary, dict)
    assert summary["text"] + "\n" == told
    assert (summary["reworded"], summary["facts"]["minutes"]) == (False, 60)


def test_a_breaker_is_kept_open_or_closed_and_released(providers: Providers) -> None:
    kept = providers("open", "partner_bank", "--why", "They move [/] house")
    assert kept.returncode == 0, kept.stderr
    assert "open since" in kept.stdout
    assert "by system" in kept.stdout
    [bank] = providers.json("status")  # type: ignore[misc]
    assert (bank["breaker"]["state"], bank["breaker"]["forced"]) == ("open", "open")
    assert bank["breaker"]["forced_why"] == "They move [/] house"
    bank = providers.json("close", "partner_bank", "--why", "We know better")
    assert isinstance(bank, dict)
    assert bank["breaker"]["forced"] == "closed"
    bank = providers.json("release", "partner_bank", "--why", "All is well")
    assert isinstance(bank, dict)
    assert (bank["breaker"]["state"], bank["breaker"]["forced"]) == ("closed", None)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("attempts", "stripe"), "There is no provider of that name"),
        (("open", "nobody", "--why", "x"), "There is no provider of that name"),
        (("open", "partner_bank", "--why", " "), "1 to 500 characters"),
        (("open", "partner_bank", "--why", "x" * 501), "1 to 500 characters"),
        (("attempts", "partner_bank", "--limit", "0"), "--limit must be 1 to 1,000"),
        (("summary", "--minutes", "1441"), "--minutes must be 1 to 1,440"),
    ],
)
def test_provider_mistakes_are_told_in_a_sentence(
    providers: Providers, args: tuple[str, ...], message: str
) -> None:
    done = providers(*args)
    assert done.returncode == 1, done.stdout
    assert message in done.stderr
    assert "Traceback" not in done.stderr
