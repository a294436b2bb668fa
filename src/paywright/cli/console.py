"""How commands speak: to people on a terminal, to machines in JSON, and when they fail."""

import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NoReturn, TypeVar

import msgspec
import uvloop
from rich.console import Console
from rich.table import Table

from paywright.core.errors import FieldError, Problem
from paywright.db.embedded import EmbeddedServerError
from paywright.db.migrate import SchemaMismatch
from paywright.settings import SettingsError

T = TypeVar("T")

# A pipe or a file has no width of its own; 80 columns would break the ids.
_WIDTH = None if sys.stdout.isatty() else 120
out = Console(highlight=False, width=_WIDTH)
err = Console(stderr=True, highlight=False, width=_WIDTH)

# What a person can do something about. Anything else is a bug and shows its traceback.
EXPECTED = (Problem, EmbeddedServerError, SettingsError, SchemaMismatch)


class CommandFailed(Exception):
    """A command cannot go on. The text is for a person."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a command's asynchronous part."""
    return uvloop.run(main)


def print_json(value: Any) -> None:
    """One JSON document on one line."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(title=title or None, title_justify="left", header_style="bold", box=None)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    out.print(table)


def explain_failure(error: BaseException) -> str:
    """What went wrong, in words."""
    if isinstance(error, Problem):
        lines = [f"{error.title()}: {error.detail}" if error.detail else error.title()]
        errors = error.extra.get("errors")
        if isinstance(errors, list) and len(errors) > 1:
            lines += [f"  {e.field}: {e.message}" for e in errors if isinstance(e, FieldError)]
        return "\n".join(lines)
    return str(error)


def guarded(command: Callable[[], T]) -> T:
    """Run a command; end the process with a sentence where a person can help."""
    try:
        return command()
    except (*EXPECTED, CommandFailed) as error:
        fail(explain_failure(error))
    except KeyboardInterrupt:
        sys.exit(130)


def fail(message: str) -> NoReturn:
    err.print("[bold red]✗[/]", end=" ")
    err.print(message, markup=False, soft_wrap=True)
    sys.exit(1)
