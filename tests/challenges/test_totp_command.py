"""`paywright totp`: the way back in for the only administrator."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyotp
from tests.builders import NOON, TEST_KEY, a_cause
from tests.challenges.challenging import KEYS, MINA, register

from paywright.challenges.confirm_totp import confirm_totp
from paywright.challenges.request_totp import request_totp
from paywright.challenges.totp_store import confirmed
from paywright.db.pool import Database

_SOURCE = Path(__file__).parents[2] / "src"


def _totp(folder: Path, url: str, *args: str) -> subprocess.CompletedProcess[str]:
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(_SOURCE),
        "HOME": str(folder),
        "PAYWRIGHT_DATA_DIR": str(folder / "data"),
        "DATABASE_URL": url,
        "ENCRYPTION_KEY": TEST_KEY,
    }
    return subprocess.run(
        [sys.executable, "-m", "paywright", "totp", *args],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


async def test_an_app_is_reset_without_its_code(
    db: Database, database_url: str, tmp_path: Path
) -> None:
    await register(db)
    app = pyotp.TOTP((await request_totp(db, KEYS, a_cause(), subject=MINA)).secret)
    await confirm_totp(db, KEYS, a_cause(), subject=MINA, code=app.at(NOON))
    done = _totp(tmp_path, database_url, "reset", "--customer", MINA.id, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"kind": "customer", "id": MINA.id, "reset": True}
    async with db.transaction() as tx:
        assert await confirmed(tx, [MINA]) == set()
    again = _totp(tmp_path, database_url, "reset", "--customer", MINA.id)
    assert again.returncode == 1
    assert again.stderr == "✗ There is no authenticator app\n"


async def test_whose_app_must_be_said(database_url: str, tmp_path: Path) -> None:
    for args in ([], ["--user", "usr_x"], ["--user", "usr_x", "--customer", "cust_x"]):
        done = _totp(tmp_path, database_url, "reset", *args)
        assert done.returncode == 1
        assert done.stderr.startswith("✗ ")
