"""`paywright screen` and `paywright lists`: what they print, and what they need."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.builders import TEST_KEY

ROOT = Path(__file__).parents[2]
LIST = """\
id,name,kind,aliases,birth_date,country,programs,identifiers
d1,"VEXLEY, Zoltan Arvid",person,Векслей Золтан,1957-10-07,hu,DEMO,
d2,"QUORRINGER, Ismelda [x]",person,,,at,DEMO,
"""


class Command:
    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url

    def __call__(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "paywright", *args],
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"),
                "HOME": str(self.folder), "DATABASE_URL": self.url, "ENCRYPTION_KEY": TEST_KEY,
            } | env,
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """With a database that nobody can reach: what needs one fails."""
    (tmp_path / "list.csv").write_text(LIST)
    return Command(tmp_path, "postgresql://nobody@127.0.0.1:1/nothing")


@pytest.fixture
def with_database(tmp_path: Path, database_url: str) -> Command:
    (tmp_path / "list.csv").write_text(LIST)
    return Command(tmp_path, database_url)


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_name_is_searched_in_a_file_without_a_database(command: Command) -> None:
    done = command("screen", "Zoltan Vexley", "--list", "list.csv", "--dob", "1957-10-07",
                   "--country", "Hungary", "--kind", "person", "--json")  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    (match,) = json.loads(done.stdout)["matches"]
    assert (match["list"], match["id"], match["name"]) == ("list", "d1", "VEXLEY, Zoltan Arvid")
    assert set(match) == {"list", "id", "name", "matched_name", "score", "why"}
    assert 0.7 <= match["score"] <= 1
    assert not (command.folder / ".paywright").exists()


def test_people_see_a_table_or_that_there_is_nothing(command: Command) -> None:
    found = command("screen", "Ismelda Quorringer", "--list", "list.csv")
    assert found.returncode == 0
    assert "QUORRINGER, Ismelda [x]" in found.stdout
    nothing = command("screen", "Mara Lindqvist", "--list", "list.csv")
    assert (nothing.returncode, nothing.stdout) == (0, "No match.\n")


def test_a_batch_gives_one_line_a_name_in_order(command: Command) -> None:
    (command.folder / "names.txt").write_text("Zoltan Vexley\n\nMara, Lindqvist\nZóltan Vekslej")
    done = command("screen", "--batch", "names.txt", "--list", "list.csv", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = lines(done.stdout)
    assert [it["name"] for it in found[:3]] == ["Zoltan Vexley", "", "Mara, Lindqvist"]
    assert [[m["id"] for m in it["matches"]] for it in found] == [["d1"], [], [], ["d1"]]


def test_a_batch_may_be_a_table(command: Command) -> None:
    (command.folder / "names.csv").write_text(
        'name,dob,country\n"Vexley, Zoltan",1957-10-07,hu\nZoltan Vexley,soon,Nowhere\n'
    )
    done = command("screen", "--batch", "names.csv", "--list", "list.csv", "--json")
    first, second = lines(done.stdout)
    assert first["name"] == "Vexley, Zoltan"
    assert "problem" not in first
    assert second["problem"] == "no date: soon; no country: Nowhere"
    plain = command("screen", "--batch", "names.csv", "--list", "list.csv")
    assert plain.stdout.splitlines()[0].startswith("Vexley, Zoltan\t")


def test_several_lists_are_searched_together(command: Command) -> None:
    (command.folder / "more.csv").write_text("id,name\nm1,Zoltan Vexley\n")
    done = command("screen", "Zoltan Vexley", "--list", "list.csv", "--list", "more.csv", "--json")
    found = {(it["list"], it["id"]) for it in json.loads(done.stdout)["matches"]}
    assert found == {("list", "d1"), ("more", "m1")}


def test_the_threshold_comes_from_the_option_else_from_the_setting(command: Command) -> None:
    args = ("screen", "Zoltan Vexly", "--list", "list.csv", "--json")
    assert json.loads(command(*args).stdout)["matches"]
    assert not json.loads(command(*args, SCREENING_THRESHOLD="1").stdout)["matches"]
    assert not json.loads(command(*args, "--threshold", "1").stdout)["matches"]


def test_two_names_are_compared(command: Command) -> None:
    done = command("screen", "compare", "Zoltan Vexley", "VEXLEY, Zoltan", "--json")
    assert json.loads(done.stdout)["score"] > 0.9
    assert float(command("screen", "compare", "Zoltan Vexley", "Mara Berg").stdout.split()[0]) < 0.5


@pytest.mark.parametrize(
    "table",
    ["Jo Throok,Jo Throok\nJo Throok,Al Vexley\n",
     "a,b\nJo Throok,Jo Throok\nJo Throok,Al Vexley\n",
     "is_match,name2,name1\n1,Jo Throok,Jo Throok\n0,Al Vexley,Jo Throok\n"],
)  # fmt: skip
def test_pairs_give_a_score_a_row_in_order(command: Command, table: str) -> None:
    (command.folder / "pairs.csv").write_text(table)
    done = command("screen", "compare", "--batch", "pairs.csv")
    same, other = (float(line) for line in done.stdout.splitlines())
    assert same > 0.9
    assert other < 0.5
    objects = lines(command("screen", "compare", "--batch", "pairs.csv", "--json").stdout)
    assert [it["score"] for it in objects] == [same, other]
    assert objects[1]["a"] == "Jo Throok"


@pytest.mark.parametrize(
    ("args", "told"),
    [(["screen"], "say a name"), (["screen", "a", "--list", "nothing.csv"], "nothing.csv"),
     (["screen", "a", "--list", "list.csv", "--dob", "soon"], "no date"),
     (["screen", "a", "--list", "list.csv", "--country", "Nowhere"], "no country"),
     (["screen", "a", "--list", "list.csv", "--threshold", "2"], "from 0 to 1"),
     (["screen", "--batch", "nothing.txt", "--list", "list.csv"], "nothing.txt"),
     (["screen", "compare", "a"], "two names"), (["lists", "load", "nothing.csv"], "connect"),
     (["screen", "a"], "connect")],
)  # fmt: skip
def test_mistakes_are_explained(command: Command, args: list[str], told: str) -> None:
    done = command(*args)
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_list_is_loaded_shown_and_searched(with_database: Command) -> None:
    missing = with_database("screen", "Zoltan Vexley")
    assert (missing.returncode, "no list is loaded" in missing.stderr) == (1, True)
    loaded = with_database("lists", "load", "list.csv", "--name", "demo", "--json")
    assert loaded.returncode == 0, loaded.stderr
    told = json.loads(loaded.stdout)
    assert (told["name"], told["added"], told["format"]) == ("demo", 2, "csv")
    again = with_database("lists", "load", "list.csv", "--name", "demo")
    assert "2 entries, 0 added, 0 changed, 0 removed" in again.stdout
    shown = json.loads(with_database("lists", "show", "--json").stdout)
    assert [(it["name"], it["entries"]) for it in shown["items"]] == [("demo", 2)]
    assert "demo" in with_database("lists", "show").stdout
    found = with_database("screen", "Zoltan Vexley", "--json")
    assert [it["list"] for it in json.loads(found.stdout)["matches"]] == ["demo"]
    assert json.loads(with_database("lists", "rescreen", "--json").stdout) == {"screened": 0}


def test_a_shrunken_list_needs_force(with_database: Command) -> None:
    rows = "".join(f"d{number},VEXLEY {number}\n" for number in range(9))
    (with_database.folder / "list.csv").write_text("id,name\n" + rows)
    assert with_database("lists", "load", "list.csv").returncode == 0
    (with_database.folder / "list.csv").write_text("id,name\nd1,VEXLEY 1\n")
    refused = with_database("lists", "load", "list.csv")
    assert (refused.returncode, "1 entries, 9 before" in refused.stderr) == (1, True)
    assert with_database("lists", "load", "list.csv", "--force").returncode == 0
