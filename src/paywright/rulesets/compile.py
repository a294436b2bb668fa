"""From a document to a rule set that runs. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from paywright.rulesets.cel import (
    CelError,
    Condition,
    Environment,
    EvaluationFailed,
    Scalar,
    suggestion,
)
from paywright.rulesets.choices import unknown_choices
from paywright.rulesets.document import (
    Document,
    Example,
    Row,
    Thresholds,
    parse_document,
    read_struct,
)
from paywright.rulesets.report import Report, step
from paywright.rulesets.schema import Schemas, TableSchema
from paywright.rulesets.table import CollectedRow, Collection, Hit, Rule, Table
from paywright.rulesets.template import Template


class RuleSet(msgspec.Struct, frozen=True):
    """Ready to run, by as many at once as like to.

    tables:      of hit policy `first`; collections: of hit policy `collect`
    data:        by table, the Struct that its schema asks for
    """

    name: str
    version: str
    tables: dict[str, Table]
    thresholds: dict[str, Thresholds]
    collections: dict[str, Collection] = {}
    data: dict[str, Any] = {}

    def evaluate(self, table: str, facts: Mapping[str, Scalar]) -> Hit:
        """The first row that matches. `facts`: by dotted name, every one that is declared.

        Raises EvaluationFailed when the facts do not fit or a row asked before the hit cannot be
        evaluated; the rows after that one are not consulted.
        """
        return self.tables[table].first(facts)

    def collect(self, table: str, facts: Mapping[str, Scalar]) -> list[Hit]:
        """Every row that matches, in order. `facts`: by dotted name, those that are derived too.

        A row that cannot be evaluated is a hit with a `failure`, so that it hides no other.
        """
        return self.collections[table].collect(facts)

    def thresholds_for(self, table: str) -> Thresholds | None:
        """What the set says for the table, else for all tables; None when it says nothing."""
        return self.thresholds.get(table) or self.thresholds.get("default")


def compile_source(source: str, schemas: Schemas) -> RuleSet:
    """From the text. For 20 kB this takes 50 ms: an event loop leaves it to a thread.

    Raises RuleSetInvalid.
    """
    collecting = {name for name, schema in schemas.items() if schema.collects}
    return compile_rule_set(parse_document(source, collecting=collecting), schemas)


def compile_rule_set(document: Document, schemas: Schemas) -> RuleSet:
    """Raises RuleSetInvalid with everything that is wrong, examples that fail included."""
    report = document.report
    for name in schemas.keys() - document.tables.keys():
        report.add("tables", f"the table {name} is missing")
    for name in document.tables.keys() - schemas.keys():
        known = ", ".join(schemas)
        report.add(f"tables.{name}", f"unknown table; known are {known}")
    for name in document.thresholds.keys() - schemas.keys() - {"default"}:
        report.add(f"thresholds.{name}", "unknown table")
    data = _data(document, schemas)
    rules = {
        name: _compile_rules(rows, schemas[name], f"tables.{name}", report)
        for name, rows in document.tables.items()
        if name in schemas
    }
    examples = [
        (f"examples[{i}]", example, facts)
        for i, example in enumerate(document.examples)
        if example is not None
        and (facts := _example_facts(example, schemas, f"examples[{i}]", report)) is not None
    ]
    report.refuse()
    rule_set = RuleSet(
        name=document.name,
        version=document.version,
        tables={
            name: Table(Environment(schemas[name].types()), tuple(found))
            for name, found in rules.items()
            if not schemas[name].collects
        },
        thresholds=document.thresholds,
        collections={
            name: _collection(found, schemas[name].types())
            for name, found in rules.items()
            if schemas[name].collects
        },
        data=data,
    )
    for path, example, facts in examples:
        schema = schemas[example.table]
        if schema.collects:
            _run_collecting(rule_set, schema, example, facts, path, report)
        else:
            _run_example(rule_set, example, facts, path, report)
    report.refuse()
    return rule_set


def _data(document: Document, schemas: Schemas) -> dict[str, Any]:
    report = document.report
    for name in document.data:
        if name not in schemas or schemas[name].data is None:
            report.add(f"data.{name}", "no table of this name takes data")
    return {
        name: read_struct(schema.data, document.data.get(name, {}), f"data.{name}", report)
        for name, schema in schemas.items()
        if schema.data is not None
    }


def _collection(rules: list[Rule], types: Mapping[str, type[Scalar]]) -> Collection:
    return Collection(
        tuple(
            CollectedRow(rule, rule.condition.expression, types)
            for rule in rules
            if rule.condition is not None
        )
    )


def _compile_rules(
    rows: tuple[Row | None, ...], schema: TableSchema, path: str, report: Report
) -> list[Rule]:
    environment = Environment(schema.types())
    rules = []
    for i, row in enumerate(rows):
        if row is None:
            continue
        rule = _compile_row(row, schema, environment, f"{path}[{i}]", report)
        if row.enabled:
            rules.append(rule)
    return rules


def _compile_row(
    row: Row, schema: TableSchema, environment: Environment, path: str, report: Report
) -> Rule:
    """A disabled row is checked, too: it is there to be enabled again."""
    condition = None
    if row.when is not None:
        condition = _compile_when(row.when, schema, environment, f"{path}.when", report)
    then = read_struct(schema.then, row.then, f"{path}.then", report)
    template = None
    if then is not None and schema.template is not None:
        try:
            template = Template(getattr(then, schema.template), schema.variables)
        except ValueError as error:
            report.add(f"{path}.then.{schema.template}", str(error))
    return Rule(row.id, condition, then, template)


def _compile_when(
    when: str, schema: TableSchema, environment: Environment, path: str, report: Report
) -> Condition | None:
    try:
        condition = environment.compile(when)
        # What only shows when it runs, like a malformed regular expression, shows here.
        condition.holds(environment.bind(schema.defaults()))
    except CelError as error:
        report.add(path, str(error))
        return None
    except EvaluationFailed as error:
        report.add(path, f"cannot be evaluated with the default facts: {error}")
        return None
    choices = schema.choices()
    for name, value in unknown_choices(when, choices):
        hint = suggestion(value, choices[name]) or f"; it is one of {', '.join(choices[name])}"
        report.add(path, f"{name} is never {value!r}{hint}")
    return condition


def _example_facts(
    example: Example, schemas: Schemas, path: str, report: Report
) -> dict[str, Scalar] | None:
    """The example's facts by dotted name, completed with defaults; None when they are wrong."""
    schema = schemas.get(example.table)
    if schema is None:
        report.add(f"{path}.table", f"unknown table; known are {', '.join(schemas)}")
        return None
    before = len(report)
    facts = schema.defaults()
    for name, value in _flatten(example.facts, ""):
        place = step(f"{path}.facts", name)
        if (variable := schema.variables.get(name)) is None:
            report.add(place, f"unknown fact{suggestion(name, schema.variables)}")
        elif type(value) is not type(variable.default):
            report.add(place, f"must be of type {type(variable.default).__name__}")
        elif variable.choices and value not in variable.choices:
            report.add(place, f"must be one of {', '.join(variable.choices)}")
        else:
            facts[name] = value
    known = {"rule"} | {field.encode_name for field in msgspec.structs.fields(schema.then)}
    if schema.collects:
        known = {"rules", "total"} if schema.total else {"rules"}
    for key in example.expect.keys() - known:
        report.add(f"{path}.expect.{key}", f"unknown; known are {', '.join(sorted(known))}")
    return facts if len(report) == before else None


def _flatten(facts: dict[str, Any], path: str) -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for key, value in facts.items():
        here = step(path, key)
        flat.extend(_flatten(value, here) if isinstance(value, dict) else [(here, value)])
    return flat


def _run_example(
    rule_set: RuleSet, example: Example, facts: dict[str, Scalar], path: str, report: Report
) -> None:
    try:
        hit = rule_set.evaluate(example.table, facts)
    except EvaluationFailed as error:
        report.add(path, f"the rule {error.rule} cannot be evaluated: {error}")
        return
    got = {**msgspec.to_builtins(hit.then), "rule": hit.rule_id}
    for key, expected in example.expect.items():
        if got[key] != expected:
            report.add(
                f"{path}.expect.{key}",
                f"expected {expected}, got {got[key]} (rule {hit.rule_id})",
            )


def _run_collecting(
    rule_set: RuleSet,
    schema: TableSchema,
    example: Example,
    facts: dict[str, Scalar],
    path: str,
    report: Report,
) -> None:
    """`expect` has the ids of all rows that match, in order, their total, or both."""
    if schema.derive is not None:
        facts = facts | schema.derive(rule_set.data.get(example.table), facts)
    hits = rule_set.collect(example.table, facts)
    for hit in hits:
        if hit.failure:
            report.add(path, f"the rule {hit.rule_id} cannot be evaluated: {hit.failure}")
    got: dict[str, Any] = {"rules": [hit.rule_id for hit in hits]}
    if schema.total is not None:
        got["total"] = sum(getattr(hit.then, schema.total) for hit in hits)
    for key, expected in example.expect.items():
        if got[key] != expected:
            which = ", ".join(got["rules"]) or "none"
            message = f"expected {expected}, got {got[key]} (rules that match: {which})"
            report.add(f"{path}.expect.{key}", message)
