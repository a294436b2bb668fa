"""Decision tables that run. Pure.

Of hit policy `first`, the first row that matches decides. Of hit policy `collect`, every row that
matches counts.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import Any

import msgspec

from paywright.rulesets.cel import CelError, Condition, Environment, EvaluationFailed, Scalar
from paywright.rulesets.template import Template

_WORD = re.compile(r"[A-Za-z_][\w.]*")
_KNOWN_MAX = 4096


class Hit(msgspec.Struct, frozen=True):
    """A row that matched. `then` is a Struct of the table's `TableSchema.then`; `reasoning` is
    its template with the facts filled in, or empty.

    failure: of a row that was to be collected: why it could not be evaluated, or empty. Nobody
             knows whether it matches, and whoever collects must not go on as if it did not
    """

    rule_id: str
    then: Any
    reasoning: str
    failure: str = ""


class Rule(msgspec.Struct, frozen=True):
    """An enabled row. `condition` is None in the default row."""

    id: str
    condition: Condition | None
    then: Any
    template: Template | None

    def hit(self, facts: Mapping[str, Scalar]) -> Hit:
        return Hit(self.id, self.then, self.template.render(facts) if self.template else "")


class Table(msgspec.Struct, frozen=True):
    """One of hit policy `first`."""

    environment: Environment
    rules: tuple[Rule, ...]

    def first(self, facts: Mapping[str, Scalar]) -> Hit:
        """Raises EvaluationFailed with the name of the row; later rows are not consulted."""
        bound = self.environment.bind(facts)
        for rule in self.rules:
            try:
                if rule.condition is not None and not rule.condition.holds(bound):
                    continue
            except EvaluationFailed as error:
                raise EvaluationFailed(str(error), rule=rule.id) from None
            return rule.hit(facts)
        raise AssertionError("no row matched, and there is no default row")


class Collection(msgspec.Struct, frozen=True):
    """One of hit policy `collect`."""

    rows: tuple["CollectedRow", ...]

    def collect(self, facts: Mapping[str, Scalar]) -> list[Hit]:
        """Every row that matches, in order, and every row that could not be evaluated."""
        return [hit for row in self.rows if (hit := row.ask(facts)) is not None]


class CollectedRow:
    """A row that asks for the facts that it mentions, and remembers its answers to them.

    A condition depends on nothing else, and most of them on few values: to remember costs a
    tenth of asking again.
    """

    __slots__ = ("_condition", "_environment", "_key", "_known", "_names", "rule")

    def __init__(self, rule: Rule, expression: str, types: Mapping[str, type[Scalar]]) -> None:
        self.rule = rule
        self._names = mentioned(expression, types)
        try:
            self._environment = Environment({name: types[name] for name in self._names})
            self._condition = self._environment.compile(expression)
        except CelError:  # mentions a variable in a way that we do not see
            self._names = tuple(types)
            self._environment = Environment(types)
            self._condition = self._environment.compile(expression)
        self._key: Callable[[Mapping[str, Scalar]], Any] = (
            itemgetter(*self._names) if self._names else lambda _: ()
        )
        self._known: dict[Any, bool] = {}

    def ask(self, facts: Mapping[str, Scalar]) -> Hit | None:
        """None when the row does not match."""
        try:
            key = self._key(facts)
            matches = self._known.get(key)
            if matches is None:
                matches = self._condition.holds(self._environment.bind(facts))
                if len(self._known) >= _KNOWN_MAX:
                    self._known.clear()
                self._known[key] = matches
            return self.rule.hit(facts) if matches else None
        except KeyError as error:
            failure = f"the fact {error.args[0]} is missing"
        except EvaluationFailed as error:
            failure = str(error)
        return Hit(self.rule.id, self.rule.then, "", failure)


def mentioned(expression: str, names: Iterable[str]) -> tuple[str, ...]:
    """Those of `names` that the expression mentions, in their order."""
    words = set(_WORD.findall(expression))
    return tuple(
        name
        for name in names
        if name in words or any(word.startswith(f"{name}.") for word in words)
    )
