"""A document is read strictly, and everything that is wrong with it is said at once."""

import hashlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paywright.rulesets.document import Document, parse_document
from paywright.rulesets.report import RuleSetInvalid

VALID = """\
name: demo
description: A demonstration
thresholds:
  default: {auto_resolve: 90, human_review: 70}
tables:
  decline:
    - id: first
      when: >-
        details.retries
        < 3
      then: {action: go}
      note: why
    - id: otherwise
      then: {action: stop}
examples:
  - table: decline
    expect: {rule: first}
"""


def errors_of(source: str) -> list[tuple[str, str]]:
    """Those that are found before anything is compiled, as (field, message)."""
    with pytest.raises(RuleSetInvalid) as caught:
        parse_document(source).report.refuse()
    errors = caught.value.extra["errors"]
    assert isinstance(errors, list)
    return [(error.field, error.message) for error in errors]


def test_a_document_is_read() -> None:
    document = parse_document(VALID)
    assert isinstance(document, Document)
    assert document.name == "demo"
    assert document.version == hashlib.sha256(VALID.encode()).hexdigest()[:12]
    assert document.thresholds["default"].human_review == 70
    first, otherwise = document.tables["decline"]
    assert first is not None
    assert otherwise is not None
    assert (first.id, first.when, first.note) == ("first", "details.retries < 3", "why")
    assert (otherwise.id, otherwise.when, otherwise.enabled) == ("otherwise", None, True)
    assert len(document.examples) == 1
    assert len(document.report) == 0


def test_every_mistake_is_reported_with_its_line() -> None:
    source = """\
name: demo
tables:
  decline:
    - id: Not Kebab
      whem: true
      then: {action: go}
    - then: {}
      enabled: 3
    - id: otherwise
      then: {action: stop}
thresholds:
  default: {auto_resolve: 70, human_review: 90}
  decline: {auto_resolve: 101}
examples:
  - table: decline
    expect: {}
"""
    found = errors_of(source)
    assert [field for field, _ in found] == [
        "line 4: tables.decline[0].id",
        "line 5: tables.decline[0].whem",
        "line 7: tables.decline[1]",
        "line 8: tables.decline[1].enabled",
        "line 12: thresholds.default",
        "line 13: thresholds.decline.auto_resolve",
        "line 13: thresholds.decline",
        "line 16: examples[0].expect",
    ]


@pytest.mark.parametrize(
    ("old", "new", "field", "message"),
    [
        ("id: otherwise", "id: first", "line 13: tables.decline[1].id", "another row"),
        ("note: why", "enabled: false", "", ""),
        ("      then: {action: stop}", "      then: {}\n      enabled: false", "line 15", "disab"),
        ("      then: {action: stop}", "      then: {}\n      when: x", "line 15", "must have no"),
        ("    - id: otherwise\n      then: {action: stop}\n", "", "line 8", "the last row"),
        ("    - id: first", "    - {id: a, then: {}}\n    - id: first", "line 7", "be reached"),
        ("description: A demonstration", "name: twice", "line 2: name", "given twice"),
        ("description: A demonstration", "surprise: 1", "line 2: surprise", "unknown field"),
        ("description: A demonstration", "1: x", "line 2", "a key must be text"),
        ("name: demo", "name: Demo", "line 1: name", "matching regex"),
        ("name: demo\n", "", "line 1", "`name` is missing"),
        ("A demonstration", "&a x\nx: *a", "line 3", "aliases are refused"),
        ("A demonstration", "!!python/object:os.system x", "line 2", "is refused"),
        ("A demonstration", "!!binary x", "line 2: description", "is refused"),
        ("A demonstration", "2026-01-01", "", ""),
        ("A demonstration", "[" * 30 + "]" * 30, "line 2", "nested more than"),
        ("A demonstration", "[", "line 4", "flow sequence"),
        ("A demonstration", "\x07", "line 1", "not allowed"),
        ("name: demo", "--- 1\n---\nname: demo", "line 2", "single document"),
        ("{action: go}", "{action: go, action: 1}", "line 11: tables.decline[0].then.action", ""),
        ("{action: go}", "{<<: {a: 1}}", "line 11", "a key must be text"),
        ("{action: go}", "{action: 010}", "line 11: tables.decline[0].then.action", "decimal"),
        ("{action: go}", "{action: 1:30}", "line 11: tables.decline[0].then.action", "decimal"),
        ("id: first", "id: off", "", ""),
    ],
)  # fmt: skip
def test_what_is_refused(old: str, new: str, field: str, message: str) -> None:
    source = VALID.replace(old, new, 1)
    assert source != VALID
    if not field:
        parse_document(source).report.refuse()
        return
    found = errors_of(source)
    assert any(at.startswith(field) and message in said for at, said in found), found


@pytest.mark.parametrize("source", ["", "[]", "text", "null", "tables: {decline: []}\nname: x"])
def test_what_is_no_rule_set_at_all_is_refused(source: str) -> None:
    with pytest.raises(RuleSetInvalid):
        parse_document(source)


def test_a_huge_document_is_not_even_parsed() -> None:
    assert errors_of("#" * (256 * 1024 + 1)) == [("line 1", "the document is larger than 256 kB")]


@given(st.text(alphabet="ab:-{}[]\n \"'&*!<>|#%@", max_size=80))
def test_no_text_makes_it_crash(source: str) -> None:
    with suppress(RuleSetInvalid):
        parse_document(source)
