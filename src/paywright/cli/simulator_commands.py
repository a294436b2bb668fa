"""`paywright simulate-provider`: a bank, Stripe and a KYC provider to try things out with."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from paywright.cli.console import CommandFailed, guarded, out, print_json, run
from paywright.cli.session import Json

if TYPE_CHECKING:
    from paywright.simulator.faults import Faults
    from paywright.simulator.webhooks import Hooks

TOKEN = "simulator"  # noqa: S105 - of a bank that has no money
STRIPE_KEY = "sk_test_simulator"  # of an account of its own, as is whatever begins with it
_BANK, _KYC, _STRIPE = "/bank/v1", "/kyc/v1", "/stripe"


@Parameter(name="*", group="Faults: of requests, a share between 0 and 1")
@dataclass(frozen=True)
class FaultOptions:
    failure_rate: Annotated[float, Parameter(help="Get a 5xx; nothing happens.")] = 0.0
    timeout_rate: Annotated[float, Parameter(help="Are applied, but never answered.")] = 0.0
    decline_rate: Annotated[float, Parameter(help="Payments that are rejected.")] = 0.0
    latency_ms: Annotated[float, Parameter(help="How long an answer takes.")] = 0.0


@Parameter(name="*", group="Webhooks: the shares are of events")
@dataclass(frozen=True)
class WebhookOptions:
    webhook_url: Annotated[
        tuple[str, ...],
        Parameter(
            help="Who is told: bank=URL or stripe=URL, or both.", negative=(), show_default=False
        ),
    ] = ()
    webhook_drop_rate: Annotated[float, Parameter(help="Never told.")] = 0.0
    webhook_duplicate_rate: Annotated[float, Parameter(help="Told twice.")] = 0.0
    webhook_reorder_rate: Annotated[
        float, Parameter(help="Told after the next one of the same payment.")
    ] = 0.0
    webhook_delay_ms: Annotated[float, Parameter(help="How late events are told.")] = 0.0


NO_FAULTS, NO_WEBHOOKS = FaultOptions(), WebhookOptions()


def simulate_provider(
    *,
    port: Annotated[int, Parameter(help="TCP port; 0: a free one, which is printed.")] = 0,
    seed: Annotated[int, Parameter(help="The same seed, the same faults.")] = 0,
    books: Annotated[Path | None, Parameter(help="File that keeps what was done.")] = None,
    token: Annotated[str, Parameter(help="Bearer token that callers must send.")] = TOKEN,
    faults: FaultOptions = NO_FAULTS,
    webhooks: WebhookOptions = NO_WEBHOOKS,
    as_json: Json = False,
) -> None:
    """Be a partner bank, Stripe and a KYC provider, with faults on request, until Ctrl-C.

    All knobs can be turned while it runs: `PUT /control/faults`. What it really did is in
    `GET /control/books`. It listens on 127.0.0.1 only.
    """
    from paywright.cli.processes import end_with_supervisor  # noqa: PLC0415

    def command() -> None:
        end_with_supervisor()
        knobs, hooks = _knobs(faults, webhooks), _hooks(webhooks.webhook_url)
        door = _bound(port)
        with door:
            url = f"http://127.0.0.1:{door.getsockname()[1]}"
            _run(door, url, knobs, hooks, seed=seed, books=books, token=token, as_json=as_json)

    guarded(command)


def _knobs(faults: FaultOptions, webhooks: WebhookOptions) -> "Faults":
    """Raises CommandFailed."""
    import msgspec  # noqa: PLC0415

    from paywright.simulator.faults import Faults  # noqa: PLC0415

    knobs = {
        "failure_rate": faults.failure_rate,
        "timeout_after_apply_rate": faults.timeout_rate,
        "decline_rate": faults.decline_rate,
        "latency": {"ms": faults.latency_ms},
        "webhook_drop_rate": webhooks.webhook_drop_rate,
        "webhook_duplicate_rate": webhooks.webhook_duplicate_rate,
        "webhook_delay": {"ms": webhooks.webhook_delay_ms},
        "webhook_reorder_rate": webhooks.webhook_reorder_rate,
    }
    try:
        return msgspec.convert(knobs, Faults)
    except msgspec.ValidationError as error:
        raise CommandFailed(str(error)) from None


def _hooks(options: Sequence[str]) -> "Hooks":
    """Of `side=URL`. Raises CommandFailed."""
    import msgspec  # noqa: PLC0415

    from paywright.simulator.webhooks import SECRETS, Hooks  # noqa: PLC0415

    urls: dict[str, str] = {}
    for option in options:
        side, _, url = option.partition("=")
        if side not in SECRETS or side in urls:
            raise CommandFailed(f"--webhook-url {option}: must be bank=URL or stripe=URL, once")
        urls[side] = url
    hooks = {side: {"url": url, "secret": SECRETS[side]} for side, url in urls.items()}
    try:
        return msgspec.convert(hooks, Hooks)
    except msgspec.ValidationError as error:
        raise CommandFailed(f"--webhook-url: {error}") from None


def simulator_command(
    port: int, *, books: Path | None = None, seed: int = 0, failure_rate: float = 0.0
) -> list[str]:
    """The arguments that start it as a child of `up`."""
    command = ["simulate-provider", "--port", str(port), "--seed", str(seed)]
    command += ["--failure-rate", str(failure_rate)] if failure_rate else []
    return command if books is None else [*command, "--books", str(books.absolute())]


def simulator_environment(port: int) -> dict[str, str]:
    """The settings with which the other children find it."""
    base = f"http://127.0.0.1:{port}"
    return {
        "PARTNER_BANK_URL": base + _BANK,
        "PARTNER_BANK_TOKEN": TOKEN,
        "KYC_PROVIDER_URL": base + _KYC,
        "KYC_PROVIDER_TOKEN": TOKEN,
        "STRIPE_API_BASE": base + _STRIPE,
        "STRIPE_API_KEY": STRIPE_KEY,
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
    hooks: "Hooks",
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
        kept, token=token, seed=seed, faults=faults, hooks=hooks, clock=lambda: datetime.now(UTC)
    )
    door.listen()  # from here on nobody is refused
    told = {"url": url, "bank": url + _BANK, "kyc": url + _KYC, "stripe": url + _STRIPE}
    told["control"] = url + "/control"
    if as_json:
        print_json(told)
    else:
        out.print(
            f"Simulating a partner bank at {told['bank']} and a KYC provider at {told['kyc']}"
        )
        out.print(f"Stripe's API base is {told['stripe']}, its secret key {STRIPE_KEY}")
        for side, hook in (("bank", hooks.bank), ("stripe", hooks.stripe)):
            if hook is not None:
                out.print(f"Events of {side} go to {hook.url}, signed with {hook.secret}")
        out.print(f"Faults and books: {told['control']}. The token is {token!r}. Ctrl-C stops it.")
    try:
        run(serve(app, door))
    finally:
        kept.close()
