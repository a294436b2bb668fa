"""The format of a rule set. Pure.

name: issue-decisions
thresholds: {default: {auto_resolve: 90, human_review: 70}}
tables:
  refund_request:                       # rows are asked in order; the first that matches decides
    - id: within-return-window
      when: details.days_since_purchase <= 30
      then: {action: approve_refund, confidence: 95, reasoning: Within the return window.}
      note: Where the rule comes from.
    - id: otherwise                     # the last row has no `when`
      then: {action: escalate, confidence: 0, reasoning: No rule fits.}
examples:                               # checked at every load
  - table: refund_request
    facts: {details: {days_since_purchase: 30}}
    expect: {rule: within-return-window}

In a table that collects, every row that matches counts and has a `when`; its examples expect
`rules`, the ids of all that match, in order, or `total`, their sum. `data: {TABLE: {...}}` holds
what else a table needs.
"""

import hashlib
from collections.abc import Container
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from paywright.rulesets.report import Report, step
from paywright.rulesets.source import parse_yaml

Percent = Annotated[int, Meta(ge=0, le=100)]
S = TypeVar("S", bound=msgspec.Struct)

_NAME_PATTERN = r"^[a-z][a-z0-9_-]{0,62}\Z"
_ROW_ID_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*\Z"


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From which confidence, in percent, a decision is carried out, or shown to a person."""

    auto_resolve: Percent
    human_review: Percent

    def __post_init__(self) -> None:
        if not 0 <= self.human_review <= self.auto_resolve <= 100:
            raise ValueError("must be 0 ≤ human_review ≤ auto_resolve ≤ 100")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """`when` is None in the default row. `note` says why the rule exists."""

    id: Annotated[str, Meta(pattern=_ROW_ID_PATTERN, max_length=63)]
    then: dict[str, Any]
    when: Annotated[str, Meta(min_length=1, max_length=4096)] | None = None
    enabled: bool = True
    note: Annotated[str, Meta(max_length=2000)] = ""


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A unit test. `facts` may be nested; `expect` names the rule, fields of `then`, or both; the
    rules and the total where they are collected."""

    table: str
    expect: Annotated[dict[str, Any], Meta(min_length=1)]
    facts: dict[str, Any] = {}
    note: str = ""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A rule set as written; `compile` makes it one that runs.

    Rows and examples that could not be read are None, so that positions stay true; `report` has
    the reason, and whoever compiles the document refuses it.
    """

    name: str
    version: str  # the first 12 hexadecimal digits of the SHA-256 of the source
    source: str
    description: str
    thresholds: dict[str, Thresholds]  # by table, or `default`
    tables: dict[str, tuple[Row | None, ...]]
    examples: tuple[Example | None, ...]
    report: Report
    data: dict[str, Any] = {}  # by table


class _Top(msgspec.Struct, frozen=True, kw_only=True):
    name: Annotated[str, Meta(pattern=_NAME_PATTERN)]
    tables: Annotated[dict[str, Annotated[list[Any], Meta(min_length=1)]], Meta(min_length=1)]
    description: Annotated[str, Meta(max_length=2000)] = ""
    thresholds: dict[str, Any] = {}
    examples: list[Any] = []
    data: dict[str, Any] = {}


def parse_document(source: str, *, collecting: Container[str] = ()) -> Document:
    """Raises RuleSetInvalid when the source is not YAML of this shape.

    collecting: the tables of which every row that matches counts

    What is wrong inside of rows is left in `report`, for the compiler to add to.
    """
    parsed = parse_yaml(source)
    report = parsed.report
    top = read_struct(_Top, parsed.value, "", report)
    if top is None:
        report.refuse()
        raise AssertionError("unreadable, and yet nothing was reported")
    thresholds = {
        name: read_struct(Thresholds, value, f"thresholds.{name}", report)
        for name, value in top.thresholds.items()
    }
    return Document(
        name=top.name,
        version=version_of(source),
        source=source,
        description=top.description,
        thresholds={name: value for name, value in thresholds.items() if value is not None},
        tables={
            name: _rows(rows, f"tables.{name}", report, collects=name in collecting)
            for name, rows in top.tables.items()
        },
        examples=tuple(
            read_struct(Example, value, f"examples[{i}]", report)
            for i, value in enumerate(top.examples)
        ),
        report=report,
        data=top.data,
    )


def version_of(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()[:12]


def read_struct(type_: type[S], value: object, path: str, report: Report) -> S | None:
    """`value` as a Struct; None after reporting everything that is wrong with it."""
    if not isinstance(value, dict):
        report.add(path, "must be a mapping")
        return None
    fields = {field.encode_name: field for field in msgspec.structs.fields(type_)}
    before = len(report)
    for key in value:
        if key not in fields:
            report.add(step(path, key), f"unknown field; known are {', '.join(fields)}")
    for name, field in fields.items():
        if name in value:
            _convert(value[name], field.type, step(path, name), report)
        elif field.required:
            report.add(path, f"`{name}` is missing")
    if len(report) > before:
        return None
    return _convert(value, type_, path, report)


def _convert(value: object, type_: Any, path: str, report: Report) -> Any:
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        message, _, inner = str(error).partition(" - at `$")
        report.add(path + inner.rstrip("`"), message)
        return None


def _rows(
    values: list[Any], path: str, report: Report, *, collects: bool
) -> tuple[Row | None, ...]:
    rows = tuple(read_struct(Row, value, f"{path}[{i}]", report) for i, value in enumerate(values))
    seen: set[str] = set()
    for i, row in enumerate(rows):
        if row is None:
            continue
        here = f"{path}[{i}]"
        if row.id in seen:
            report.add(f"{here}.id", f"another row of the table is called {row.id}")
        seen.add(row.id)
        if not collects:
            _check_default(row, here, report, is_last=i == len(rows) - 1)
        elif row.when is None:
            report.add(here, "no `when`: the row would always match")
    return rows


def _check_default(row: Row, path: str, report: Report, *, is_last: bool) -> None:
    if row.when is None and not is_last:
        report.add(path, "no `when`: the rows after it could never be reached")
    if is_last and row.when is not None:
        report.add(f"{path}.when", "the last row is the default and must have no `when`")
    if is_last and not row.enabled:
        report.add(f"{path}.enabled", "the default row cannot be disabled")
