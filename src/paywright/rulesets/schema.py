"""What a slice says about its tables: the facts that rules may ask about, the answers they give."""

from collections.abc import Mapping

import msgspec

from paywright.rulesets.cel import Scalar


class Variable(msgspec.Struct, frozen=True):
    """One fact.

    default: the value in examples that do not mention it; its type is the variable's type
    choices: every value that a text can have, when they are known
    """

    default: Scalar
    choices: tuple[str, ...] = ()


class TableSchema(msgspec.Struct, frozen=True, kw_only=True):
    """One decision table.

    variables: by dotted name
    then:      the Struct that each row's `then` must be
    template:  the field of `then` that is a text with placeholders, if any
    """

    variables: Mapping[str, Variable]
    then: type[msgspec.Struct]
    template: str | None = None

    def defaults(self) -> dict[str, Scalar]:
        return {name: variable.default for name, variable in self.variables.items()}

    def types(self) -> dict[str, type[Scalar]]:
        return {name: type(variable.default) for name, variable in self.variables.items()}

    def choices(self) -> dict[str, tuple[str, ...]]:
        return {name: known.choices for name, known in self.variables.items() if known.choices}


Schemas = Mapping[str, TableSchema]  # by table
