"""`paywright ledger`: what it prints, and what its exit status says."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest
from tests.builders import TEST_KEY

ROOT = Path(__file__).parents[2]
FILE = """\
{"type":"account","code":"alice","owner":"alice","currency":"EUR","kind":"liability","name":"A [b]"}
{"type":"account","code":"bank","owner":"us","currency":"EUR","kind":"asset","may_go_negative":true}
{"type":"transfer","key":"t1","debit":"bank","credit":"alice","amount":"12.30","currency":"EUR"}
{"type":"hold","key":"h1","debit":"alice","credit":"bank","amount_minor":230,"currency":"EUR"}
{"type":"transfer","key":"t2","debit":"alice","credit":"bank","amount":"0.30","currency":"EUR",\
"description":"a [red]fee[/]"}
"""


class Ledger:
    """The command, on a database of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url

    def __call__(self, *args: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        env = {
            "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "HOME": str(self.folder),
            "DATABASE_URL": self.url, "ENCRYPTION_KEY": TEST_KEY,
        }  # fmt: skip
        return subprocess.run(
            [sys.executable, "-m", "paywright", "ledger", *args],
            cwd=self.folder, env=env, input=text, capture_output=True, text=True, check=False,
            timeout=60,
        )  # fmt: skip

    def break_books(self, statement: str) -> None:
        async def main() -> None:
            connection = await asyncpg.connect(self.url)
            await connection.execute("set session_replication_role = replica")
            await connection.execute(statement)
            await connection.close()

        asyncio.run(main())


@pytest.fixture
def ledger(tmp_path: Path, database_url: str) -> Ledger:
    (tmp_path / "file.jsonl").write_text(FILE)
    return Ledger(tmp_path, database_url)


def test_a_file_is_applied_once(ledger: Ledger) -> None:
    dry = ledger("apply", "file.jsonl", "--dry-run", "--json")
    assert dry.returncode == 0, dry.stderr
    real = ledger("apply", "-", "--json", text=FILE)
    assert real.stdout.splitlines()[:-1] == dry.stdout.splitlines()[:-1]
    told = [json.loads(line) for line in real.stdout.splitlines()]
    assert told[2]["amount_minor"] == 1230
    assert told[-1] == {"summary": {"lines": 5, "results": {"ok": 5}, "dry_run": False}}
    again = ledger("apply", "file.jsonl")
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.split() == ["Result", "Lines", "exists", "5", "all", "5"]


def test_what_is_refused_is_told_and_the_status_is_1(ledger: Ledger) -> None:
    done = ledger("apply", "-", text=FILE.replace('"12.30"', '"12.305"').replace("h1", "[h]"))
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0] == (
        "line 3  transfer t1  invalid  amount: EUR has at most 2 digits after the decimal point"
    )
    assert lines[1] == "line 4  hold [h]  exceeds_available  debit: has 0 available"


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["apply", "none.jsonl"], "cannot read none.jsonl: No such file or directory"),
        (["apply", "."], "cannot read .: Is a directory"),
        (["apply", "file.jsonl", "--chunk", "0"], "--chunk must be from 1 to 10000"),
        (["show", "nobody"], "there is no account nobody; give its code, or its id, acc_…"),
        (["show", "alice", "--limit", "0"], "--limit must be from 1 to 10000"),
        (["chart", "--currency", "XXX"], "currency"),
        (["chart", "--bank", "a:b"], "bank"),
    ],
)
def test_mistakes_are_explained(ledger: Ledger, args: list[str], told: str) -> None:
    done = ledger(*args)
    assert done.returncode == 1
    assert done.stderr.startswith("✗ ")
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


def test_an_account_is_shown_by_code_and_by_id(ledger: Ledger) -> None:
    ledger("apply", "file.jsonl")
    shown = json.loads(ledger("show", "alice", "--json").stdout)
    assert (shown["balance"], shown["balance_minor"], shown["available"]) == ("12.00", 1200, "9.70")
    assert [(it["kind"], it["change_minor"], it["balance"]) for it in shown["entries"]] == [
        ("post", -30, "12.00"), ("post", 1230, "12.30")
    ]  # fmt: skip
    assert [it["amount"] for it in shown["open_holds"]] == ["2.30"]
    assert json.loads(ledger("show", shown["id"], "--json").stdout) == shown
    held = json.loads(ledger("show", "alice", "--json", "--holds", "--limit", "2").stdout)
    assert [it["kind"] for it in held["entries"]] == ["post", "hold"]
    last = shown["entries"][0]["created_at"]
    early = json.loads(ledger("show", "alice", "--json", "--until", last).stdout)
    assert [it["change"] for it in early["entries"]] == ["12.30"]
    late = json.loads(ledger("show", "alice", "--json", "--since", last).stdout)
    assert [it["change"] for it in late["entries"]] == ["-0.30"]
    text = ledger("show", "alice").stdout
    for part in (
        "A [b]",
        "balance 12.00 EUR, available 9.70 EUR",
        "+12.30",
        "a [red]fee[/]",
        "2.30",
    ):
        assert part in text


def test_sound_books_are_said_to_be(ledger: Ledger) -> None:
    ledger("apply", "file.jsonl")
    done = ledger("verify", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["is_sound"]
    assert (report["accounts"], report["movements"], report["open_holds"]) == (2, 3, 1)
    assert report["currencies"][0]["debits_posted"] == 1260
    text = ledger("verify").stdout
    assert "broken" not in text
    assert "2 accounts, 3 movements, 1 holds (1 open)" in text


def test_broken_books_have_status_1_and_the_rows(ledger: Ledger) -> None:
    ledger("apply", "file.jsonl")
    ledger.break_books("delete from open_holds")
    done = ledger("verify", "--json")
    assert done.returncode == 1
    (broken,) = [it for it in json.loads(done.stdout)["checks"] if it["broken"]]
    assert (broken["name"], broken["rows"][0]["wrong"]) == (
        "open_holds",
        "is open, and is not listed",
    )
    done = ledger("verify")
    assert done.returncode == 1
    assert "1 broken" in done.stdout
    assert "is open, and is not listed" in done.stdout


def test_a_chart_is_shown_and_opened(ledger: Ledger) -> None:
    args = ("chart", "--currency", "EUR", "--currency", "JPY", "--provider", "stripe")
    assert "provider:stripe:receivable:JPY" in ledger(*args).stdout
    opened = json.loads(ledger(*args, "--open", "--json").stdout)
    assert len(opened["opened"]) == len(opened["accounts"]) == 22
    again = ledger(*args, "--open")
    assert again.returncode == 0
    assert "was there" in again.stdout
    ledger.break_books("update accounts set kind = 'asset' where code = 'suspense:EUR'")
    done = ledger(*args, "--open")
    assert done.returncode == 1
    assert "differs in kind" in done.stdout
