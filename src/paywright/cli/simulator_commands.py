"""`paywright simulate-provider`: a partner bank and a KYC provider to try things out with."""

import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from paywright.cli.console import CommandFailed, guarded, out, print_json, run
from paywright.cli.session import Json

if TYPE_CHECKING:
    from paywright.simulator.faults import Faults

TOKEN = "simulator"  # noqa: S105 - of a bank that has no money
_BANK, _KYC = "/bank/v1", "/kyc/v1"


def simulate_provider(
    *,
    port: Annotated[int, Parameter(help="TCP port; 0: a free one, which is printed.")] = 0,
    seed: Annotated[int, Parameter(help="The same seed, the same faults.")] = 0,
    failure_rate: Annotated[float, Parameter(help="Share of requests that get a 5xx.")] = 0.0,
    timeout_rate: Annotated[float, Parameter(help="Share applied, but never answered.")] = 0.0,
    decline_rate: Annotated[float, Parameter(help="Share of payments that are rejected.")] = 0.0,
    latency_ms: Annotated[float, Parameter(help="How long an answer takes.")] = 0.0,
    books: Annotated[Path | None, Parameter(help="File that keeps what was done.")] = None,
    token: Annotated[str, Parameter(help="Bearer token that callers must send.")] = TOKEN,
    as_json: Json = False,
) -> None:
    """Be a partner bank and a KYC provider, with faults on request, until Ctrl-C.

    All knobs can be turned while it runs: `PUT /control/faults`. What it really did is in
    `GET /control/books`. It listens on 127.0.0.1 only.
    """
    import msgspec  # noqa: PLC0415 - `--help` must not wait for a server

    from paywright.cli.processes import end_with_supervisor  # noqa: PLC0415
    from paywright.simulator.faults import Faults  # noqa: PLC0415

    def command() -> None:
        end_with_supervisor()
        knobs = {
            "failure_rate": failure_rate,
            "timeout_after_apply_rate": timeout_rate,
            "decline_rate": decline_rate,
            "latency": {"ms": latency_ms},
        }
        try:
            faults = msgspec.convert(knobs, Faults)
        except msgspec.ValidationError as error:
            raise CommandFailed(str(error)) from None
        door = _bound(port)
        with door:
            url = f"http://127.0.0.1:{door.getsockname()[1]}"
            _run(door, url, faults, seed=seed, books=books, token=token, as_json=as_json)

    guarded(command)


def simulator_command(port: int, *, books: Path | None = None, seed: int = 0) -> list[str]:
    """The arguments that start it as a child of `up`."""
    command = ["simulate-provider", "--port", str(port), "--seed", str(seed)]
    return command if books is None else [*command, "--books", str(books.absolute())]


def simulator_environment(port: int) -> dict[str, str]:
    """The settings with which the other children find it."""
    base = f"http://127.0.0.1:{port}"
    return {
        "PARTNER_BANK_URL": base + _BANK,
        "PARTNER_BANK_TOKEN": TOKEN,
        "KYC_PROVIDER_URL": base + _KYC,
        "KYC_PROVIDER_TOKEN": TOKEN,
    }


def choose_port(wanted: int) -> int:
    """`wanted`, or a free port for 0: chosen once, so that a child started again is found."""
    with _bound(wanted) as door:
        return door.getsockname()[1]


def _bound(port: int) -> socket.socket:
    """Raises CommandFailed when the port cannot be had."""
    door = socket.socket()
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        door.close()
        raise CommandFailed(f"cannot listen on 127.0.0.1 port {port}: {error}") from None
    return door


def _run(
    door: socket.socket,
    url: str,
    faults: "Faults",
    *,
    seed: int,
    books: Path | None,
    token: str,
    as_json: bool,
) -> None:
    from paywright.simulator.app import create_simulator, serve  # noqa: PLC0415
    from paywright.simulator.books import Books, BooksUnreadable  # noqa: PLC0415

    try:
        kept = Books(books)
    except (OSError, BooksUnreadable) as error:
        raise CommandFailed(f"cannot keep books: {error}") from None
    app = create_simulator(
        kept, token=token, seed=seed, faults=faults, clock=lambda: datetime.now(UTC)
    )
    door.listen()  # from here on nobody is refused
    told = {"url": url, "bank": url + _BANK, "kyc": url + _KYC, "control": url + "/control"}
    if as_json:
        print_json(told)
    else:
        out.print(
            f"Simulating a partner bank at {told['bank']} and a KYC provider at {told['kyc']}"
        )
        out.print(f"Faults and books: {told['control']}. The token is {token!r}. Ctrl-C stops it.")
    try:
        run(serve(app, door))
    finally:
        kept.close()
