"""Commands that need no server: help, settings, rules, and what stands in the way of production."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.builders import TEST_KEY
from tests.processes import free_port

from paywright.issues import rules_engine

ROOT = Path(__file__).parents[2]


def paywright(folder: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder without settings of its own."""
    environ = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "HOME": str(folder),
        "PAYWRIGHT_DATA_DIR": str(folder / "data"),
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "paywright", *args],
        cwd=folder, env=environ | env, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_help_names_every_command(tmp_path: Path) -> None:
    text = paywright(tmp_path, "--help").stdout
    for command in ("up", "demo", "serve", "work", "migrate", "jobs", "rules", "keys", "settings",
                    "ingest-samples", "process-samples"):  # fmt: skip
        assert f" {command} " in text


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    done = paywright(tmp_path, "settings", PORT="http")
    assert done.returncode == 1
    assert done.stderr == "✗ PORT: Expected `int`, got `str`\n"


def test_settings_hide_secrets_and_read_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"PORT=4000\nENCRYPTION_KEY={TEST_KEY}\nLOG_LEVEL=debug\n")
    done = paywright(tmp_path, "settings", "--json", PORT="4001")
    assert TEST_KEY not in done.stdout
    shown = json.loads(done.stdout)
    assert (shown["PORT"], shown["LOG_LEVEL"]) == (4001, "debug")
    assert shown["ENCRYPTION_KEY"] == "(set)"


def test_production_needs_real_keys(tmp_path: Path) -> None:
    done = paywright(tmp_path, "serve", ENVIRONMENT="production")
    assert done.returncode == 1
    assert "DATABASE_URL must be set when ENVIRONMENT is production" in done.stderr


def test_a_malformed_encryption_key_is_explained(tmp_path: Path, database_url: str) -> None:
    for key in ("secret", "00" * 32):
        done = paywright(tmp_path, "keys", "list", DATABASE_URL=database_url, ENCRYPTION_KEY=key)
        assert done.returncode == 1
        assert "ENCRYPTION_KEY" in done.stderr
        assert "Traceback" not in done.stderr


def test_the_data_stays_with_its_key(tmp_path: Path, database_url: str) -> None:
    env = {"DATABASE_URL": database_url, "ENCRYPTION_KEY": TEST_KEY}
    assert paywright(tmp_path, "keys", "list", **env).returncode == 0
    done = paywright(tmp_path, "keys", "list", **env | {"ENCRYPTION_KEY": TEST_KEY[::-1]})
    assert done.returncode == 1
    assert "ENCRYPTION_KEY is not the key k1 that the data" in done.stderr


def test_production_refuses_development_keys(tmp_path: Path, database_url: str) -> None:
    env = {"DATABASE_URL": database_url, "ENCRYPTION_KEY": TEST_KEY, "PORT": str(free_port())}
    assert paywright(tmp_path, "demo", **env).returncode == 0
    production = env | {"ENVIRONMENT": "production"}
    done = paywright(tmp_path, "serve", **production)
    assert done.returncode == 1
    assert "6 development API keys are valid in this database" in done.stderr
    done = paywright(tmp_path, "keys", "revoke-development", "--json", **production)
    assert len(json.loads(done.stdout)) == 6
    assert json.loads(paywright(tmp_path, "keys", "revoke-development", "--json",
                                **production).stdout) == []  # fmt: skip


def test_rules_are_checked_without_a_database(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(rules_engine.default_source())
    assert paywright(tmp_path, "rules", "check", str(rules)).returncode == 0
    text = rules_engine.default_source()
    wrong = text.replace("details.auto_retry_count <", "details.auto_retry_cont <", 1)
    wrong = wrong.replace("action: send_reminder", "action: send_flowers", 1)
    assert wrong != text
    rules.write_text(wrong)
    done = paywright(tmp_path, "rules", "check", str(rules))
    assert done.returncode == 1
    assert "auto_retry_cont" in done.stderr
    assert "send_flowers" in done.stderr
    assert done.stderr.count("line ") >= 2
    assert not (tmp_path / "data").exists()


def test_the_rules_in_force_can_be_saved_and_loaded_again(
    tmp_path: Path, database_url: str
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(rules_engine.default_source() + "# a last comment\n")
    env = {"DATABASE_URL": database_url, "ENCRYPTION_KEY": TEST_KEY}
    loaded = json.loads(paywright(tmp_path, "rules", "load", "rules.yaml", "--json", **env).stdout)
    assert loaded["is_activated"]
    shown = paywright(tmp_path, "rules", "show", **env).stdout
    assert shown == rules.read_text()
    history = json.loads(paywright(tmp_path, "rules", "history", "--json", **env).stdout)
    assert [version["version"] for version in history if version["is_active"]] == [
        loaded["version"]
    ]


@pytest.mark.parametrize("args", [["rules", "check", "none.yaml"], ["jobs", "requeue"]])
def test_mistakes_are_explained(tmp_path: Path, database_url: str, args: list[str]) -> None:
    done = paywright(tmp_path, *args, DATABASE_URL=database_url)
    assert done.returncode == 1
    assert done.stderr.startswith("✗ ")
    assert "Traceback" not in done.stderr


def test_migrate_says_what_it_would_do(tmp_path: Path, database_url: str) -> None:
    done = paywright(tmp_path, "migrate", "--check", "--json", DATABASE_URL=database_url)
    assert (done.returncode, json.loads(done.stdout)) == (0, {"pending": []})


def test_a_server_on_an_old_schema_says_so(tmp_path: Path, database_url: str) -> None:
    empty = database_url.replace("/paywright_test_", "/postgres?x=/").split("?x=")[0]
    query = database_url.partition("?")[2]
    env = {"DATABASE_URL": f"{empty}?{query}" if query else empty, "ENCRYPTION_KEY": TEST_KEY}
    done = paywright(tmp_path, "serve", PORT=str(free_port()), **env)
    assert done.returncode == 1
    assert "run `paywright migrate`" in done.stderr
