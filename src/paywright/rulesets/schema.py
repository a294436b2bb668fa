"""What a slice says about its tables: the facts that rules may ask about, the answers they give."""

from collections.abc import Callable, Mapping
from typing import Any

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
    collects:  every row that matches counts, and there is no default row; else the first decides
    total:     where rows are collected, the number in `then` of which examples may name the sum
    data:      the Struct that `data.TABLE` of the document must be, if there is any
    derive:    facts that follow from the data and other facts, for examples; whoever collects
               derives them for itself
    """

    variables: Mapping[str, Variable]
    then: type[msgspec.Struct]
    template: str | None = None
    collects: bool = False
    total: str | None = None
    data: type[msgspec.Struct] | None = None
    derive: Callable[[Any, Mapping[str, Scalar]], dict[str, Scalar]] | None = None

    def defaults(self) -> dict[str, Scalar]:
        return {name: variable.default for name, variable in self.variables.items()}

    def types(self) -> dict[str, type[Scalar]]:
        return {name: type(variable.default) for name, variable in self.variables.items()}

    def choices(self) -> dict[str, tuple[str, ...]]:
        return {name: known.choices for name, known in self.variables.items() if known.choices}


Schemas = Mapping[str, TableSchema]  # by table
