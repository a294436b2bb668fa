"""Conditions in CEL, the Common Expression Language: checked when written, not when they run.

Pure. The library reports a runtime error as a *value*; here it is an exception, so that an error
can never pass for `false`. Names may be dotted (`details.reason`): each is a variable of its own,
which is what lets a misspelt field or a comparison of unlike types be refused at load.
"""

import re
from collections.abc import Mapping
from difflib import get_close_matches

from cel_expr_python import cel

Scalar = int | str | bool
Facts = cel.Activation  # values bound for evaluation; share one among all conditions of a decision

# `dyn` and `type` would switch the static checks off.
_CONFIG = """
stdlib:
  exclude_functions:
    - name: dyn
    - name: type
"""
_TYPES: dict[type, cel.Type] = {
    int: cel.Type.INT,
    str: cel.Type.STRING,
    bool: cel.Type.BOOL,
}
_INT_MAX = 2**63 - 1
_PLACE = re.compile(r"^(?:[A-Z_]+: )?ERROR: <input>:(-?\d+):(-?\d+): ")
_NOISE = re.compile(r"^[A-Z_]+: | \(in container ''\)| expecting \{.*\}| \[[A-Z_]+\]$")
_UNDECLARED = re.compile(r"undeclared reference to '([^']+)'")


class CelError(Exception):
    """An expression that is wrong; the text has `line:column:` and a caret under the place."""


class EvaluationFailed(Exception):
    """A condition could not be evaluated: a missing fact, a division by zero, an overflow.

    Whoever decides must not go on as if it were false. `rule` names the row, where one is known.
    """

    def __init__(self, message: str, *, rule: str | None = None) -> None:
        super().__init__(message)
        self.rule = rule


class Condition:
    """A compiled expression of type bool."""

    __slots__ = ("_evaluate", "expression")

    def __init__(self, expression: str, compiled: cel.Expression) -> None:
        self.expression = expression
        self._evaluate = compiled.eval

    def holds(self, facts: Facts) -> bool:
        """Whether the condition is true of `facts`, which its own `Environment` has bound.

        Raises EvaluationFailed. As CEL has it, `false && <error>` is false and `true || <error>`
        is true, in either order.
        """
        try:
            answer = self._evaluate(facts).value()
        except RuntimeError as error:  # the iteration budget, and bugs of the library
            raise EvaluationFailed(_clean(str(error), ())) from None
        # The compiler promised a bool, so anything else is an error: `value()` is its text.
        if answer is True or answer is False:
            return answer
        raise EvaluationFailed(_clean(str(answer), ()))


class Environment:
    """The variables that an expression may use, by dotted name, with their types."""

    def __init__(self, variables: Mapping[str, type[Scalar]]) -> None:
        self._types = dict(variables)
        self._env = cel.NewEnv(
            config=cel.NewEnvConfigFromYaml(_CONFIG),
            variables={name: _TYPES[kind] for name, kind in variables.items()},
        )

    def compile(self, expression: str) -> Condition:
        """Raises CelError for a syntax error, an unknown name, a type error, or a type not bool."""
        try:
            compiled = self._env.compile(expression)
        except RuntimeError as error:
            raise CelError(_clean(str(error), self._types)) from None
        if (kind := compiled.return_type()) != cel.Type.BOOL:
            raise CelError(f"a condition must be true or false; this is of type {kind.name()}")
        return Condition(expression, compiled)

    def bind(self, values: Mapping[str, Scalar]) -> Facts:
        """Make `values` ready for conditions. What is not declared is left out.

        Raises EvaluationFailed for a fact that is missing or of another type: left to CEL, it
        would only be noticed where a condition happens to depend on it.
        """
        facts = {}
        for name, kind in self._types.items():
            try:
                value = values[name]
            except KeyError:
                raise EvaluationFailed(f"the fact {name} is missing") from None
            if type(value) is not kind:
                raise EvaluationFailed(
                    f"the fact {name} is of type {type(value).__name__}, not {kind.__name__}"
                )
            if isinstance(value, int) and not -_INT_MAX <= value <= _INT_MAX:
                raise EvaluationFailed(f"the fact {name} is out of range")
            facts[name] = value
        try:
            return self._env.Activation(facts)
        except RuntimeError as error:
            raise EvaluationFailed(_clean(str(error), ())) from None


def suggestion(name: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    """`; did you mean …?`, or nothing."""
    close = get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _clean(message: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    """The library's message as a person wants to read it: `1:8: …`, then the caret."""
    lines = []
    for line in message.rstrip().splitlines():
        if line.startswith(" | "):
            lines.append(_NOISE.sub("", line).replace(" | ", "  ", 1))
            continue
        place = _PLACE.match(line)
        text = _NOISE.sub("", _NOISE.sub("", line[place.end() :] if place else line))
        if undeclared := _UNDECLARED.search(text):
            text += suggestion(undeclared[1], known)
        at = f"{place[1]}:{place[2]}: " if place and place[1] != "-1" else ""
        lines.append(at + text)
    return "\n".join(lines)
