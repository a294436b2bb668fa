"""`paywright iso20022`: what a bank's file says, and whether it agrees with itself."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App as Cli
from cyclopts import Parameter

from paywright.cli.console import err, explain_failure, print_json
from paywright.cli.iso20022_show import plain_message, print_message
from paywright.cli.session import Json
from paywright.iso20022.check import findings_of
from paywright.iso20022.model import Weight
from paywright.iso20022.pieces import SIZE_MAX, MessageInvalid
from paywright.iso20022.read import read_message

cli = Cli(help="Read files of ISO 20022, as banks exchange them.")

_UNREADABLE = 2  # exit status


@cli.command
def inspect(
    file: Annotated[Path, Parameter(allow_leading_hyphen=True)], *, as_json: Json = False
) -> None:
    """What a file says (pain, pacs, camt), and what in it does not agree.

    Control sums, numbers of transactions, check digits of IBANs, end-to-end ids that are there
    twice, currencies and their decimals, dates, and the characters that SEPA takes. Needs no
    database. The exit status is 1 when something does not agree, 2 when the file cannot be read.
    A notice, of what some banks take and others do not, leaves it at 0. The file `-` is standard
    input.

    Example: `paywright iso20022 inspect payments.xml --json`
    """
    try:
        message = read_message(_bytes(file))
    except (MessageInvalid, OSError) as error:
        why = explain_failure(error) if isinstance(error, MessageInvalid) else error.strerror
        err.print("[bold red]✗[/]", end=" ")
        err.print(f"{file}: {why}", markup=False, soft_wrap=True)
        sys.exit(_UNREADABLE)
    findings = findings_of(message)
    if as_json:
        print_json(plain_message(message, findings))
    else:
        print_message(message, findings)
    sys.exit(1 if any(it.weight is Weight.ERROR for it in findings) else 0)


def _bytes(file: Path) -> bytes:
    """One byte more than a message may have, so that a larger one is noticed and not read."""
    if str(file) == "-":
        return sys.stdin.buffer.read(SIZE_MAX + 1)
    with file.open("rb") as opened:
        return opened.read(SIZE_MAX + 1)
