"""`.env.example` lists every setting, in order, each with its meaning and its true default."""

import re
from pathlib import Path

import msgspec
import pytest

from paywright.settings import Settings, read_settings

EXAMPLE = Path(__file__).parents[1] / ".env.example"
LINES = EXAMPLE.read_text(encoding="utf-8").splitlines()
# `NAME=value`, also where it is commented out.
_ASSIGNMENT = re.compile(r"(?:#\s*)?([A-Z][A-Z0-9_]*)\s*=(.*)")
ENTRIES = [
    (number, match[1], match[2])
    for number, line in enumerate(LINES)
    if (match := _ASSIGNMENT.fullmatch(line))
]
DEFAULTS = {field.name.upper(): field.default for field in msgspec.structs.fields(Settings)}


def test_every_setting_is_listed_once_in_the_order_of_the_class_and_nothing_else() -> None:
    assert [name for _, name, _ in ENTRIES] == list(DEFAULTS)


@pytest.mark.parametrize(("number", "name", "value"), ENTRIES, ids=[name for _, name, _ in ENTRIES])
def test_the_value_shown_is_the_default(number: int, name: str, value: str, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(f"{name}={value}\n", encoding="utf-8")
    shown = read_settings({}, file)
    assert shown == Settings()
    # An empty value is passed over when it is read, so it may only stand for an empty default.
    assert value or DEFAULTS[name] == ""


@pytest.mark.parametrize(("number", "name", "value"), ENTRIES, ids=[name for _, name, _ in ENTRIES])
def test_one_line_above_says_what_it_means(number: int, name: str, value: str) -> None:
    meaning = LINES[number - 1]
    assert re.fullmatch(r"# [A-Za-z0-9].*\.", meaning), name
    assert not _ASSIGNMENT.fullmatch(meaning), name
    assert len(meaning) <= 100, name


def test_the_file_as_it_is_leaves_every_setting_at_its_default() -> None:
    assert read_settings({}, EXAMPLE) == Settings()
