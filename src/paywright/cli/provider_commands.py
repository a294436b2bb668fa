"""Providers on the command line: how they are doing, what they were asked, their breakers."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from cyclopts import App as Cli
from cyclopts import Parameter

from paywright.cli.console import CommandFailed, out, print_json, print_table
from paywright.cli.prepare import system_cause
from paywright.cli.session import Json, with_app
from paywright.core.ids import PaymentId, RefundId
from paywright.gateway.attempts_store import AttemptRow
from paywright.gateway.breaker import State
from paywright.gateway.figures import Standing
from paywright.gateway.model import OrderKind
from paywright.gateway.override import set_breaker
from paywright.gateway.status import list_attempts, provider_status
from paywright.gateway.summarize import Summary, summarize
from paywright.wiring import App

_LISTED_MAX = 1_000
_MINUTES_MAX = 1_440

cli = Cli(help="See how providers are doing, and keep their circuit breakers open or closed.")

Why = Annotated[str, Parameter(help="Remains in the log.")]


@cli.command
def status(*, as_json: Json = False) -> None:
    """Each provider that is set up: its circuit breaker, and how calls to it went lately."""

    async def main(app: App) -> list[Standing]:
        return await provider_status(
            app.db,
            system_cause(),
            providers=app.gateway.providers,
            window=app.gateway.policy.window,
        )

    found = with_app(main, calls_out=True)
    if as_json:
        print_json([_plain(it) for it in found])
    else:
        _print(found)


@cli.command
def attempts(
    name: str,
    *,
    limit: Annotated[int, Parameter(help="How many at most, 1 to 1000.")] = 50,
    as_json: Json = False,
) -> None:
    """What a provider was asked, newest first."""

    async def main(app: App) -> Sequence[AttemptRow]:
        if not 1 <= limit <= _LISTED_MAX:
            raise CommandFailed(f"--limit must be 1 to {_LISTED_MAX:,}")
        page = await list_attempts(
            app.db,
            system_cause(),
            provider=name,
            providers=app.gateway.providers,
            cursor=None,
            limit=limit,
        )
        return page.items

    found = with_app(main, calls_out=True)
    if as_json:
        print_json([_plain_attempt(it) for it in found])
        return
    rows = [
        [
            f"{it.started_at:%Y-%m-%d %H:%M:%S}",
            _operation(it),
            f"{it.call} {it.seq}",
            " ".join(filter(None, [it.outcome or "under way", it.code])),
            "" if it.latency_ms is None else f"{it.latency_ms:,} ms",
        ]
        for it in found
    ]
    print_table("", ["Begun, UTC", "For", "Call", "Outcome", "Took"], rows)


@cli.command
def summary(
    *,
    minutes: Annotated[int, Parameter(help="How far back, 1 to 1440.")] = 10,
    as_json: Json = False,
) -> None:
    """How the providers are doing, in a few sentences."""

    async def main(app: App) -> Summary:
        if not 1 <= minutes <= _MINUTES_MAX:
            raise CommandFailed(f"--minutes must be 1 to {_MINUTES_MAX:,}")
        return await summarize(
            app.db,
            system_cause(),
            providers=app.gateway.providers,
            minutes=minutes,
            reworder=app.reworder,
        )

    found = with_app(main, calls_out=True)
    if as_json:
        print_json(
            {
                "text": found.text,
                "facts": {
                    "at": found.figures.at,
                    "minutes": found.figures.minutes,
                    "providers": [_plain(it) for it in found.figures.providers],
                },
                "reworded": found.is_reworded,
            }
        )
    else:
        out.print(found.text, markup=False, soft_wrap=True)


@cli.command(name="open")
def keep_open(name: str, *, why: Why, as_json: Json = False) -> None:
    """Do not call a provider any more, until `release`."""
    _force(name, State.OPEN, why, as_json=as_json)


@cli.command(name="close")
def keep_closed(name: str, *, why: Why, as_json: Json = False) -> None:
    """Call a provider whatever happens, until `release`."""
    _force(name, State.CLOSED, why, as_json=as_json)


@cli.command
def release(name: str, *, why: Why, as_json: Json = False) -> None:
    """Let the circuit breaker of a provider decide by itself again."""
    _force(name, None, why, as_json=as_json)


def _force(name: str, wanted: State | None, why: str, *, as_json: bool) -> None:
    async def main(app: App) -> list[Standing]:
        cause, providers = system_cause(), app.gateway.providers
        await set_breaker(app.db, cause, provider=name, known=providers, wanted=wanted, why=why)
        return await provider_status(
            app.db, cause, providers=providers, window=app.gateway.policy.window, only=name
        )

    found = with_app(main, calls_out=True)
    if as_json:
        print_json(_plain(found[0]))
    else:
        _print(found)


def _print(found: Sequence[Standing]) -> None:
    rows = [
        [
            it.name,
            ", ".join(it.handles),
            _state(it),
            f"{it.window.failed:,} of {it.window.attempts:,}",
            "" if it.window.median_ms is None else f"{it.window.median_ms:,} ms",
        ]
        for it in found
    ]
    print_table("", ["Provider", "Handles", "Circuit breaker", "Failed", "Median"], rows)


def _state(it: Standing) -> str:
    if it.breaker is None:
        return State.CLOSED.value
    since = f"since {it.breaker.changed_at:%Y-%m-%d %H:%M}"
    if it.breaker.forced is not None:
        return f"{it.breaker.forced} {since}, by {it.breaker.forced_by}"
    until = it.breaker.open_until
    return f"{it.breaker.state} {since}" + (f", until {until:%H:%M:%S}" if until else "")


def _operation(it: AttemptRow) -> str:
    if it.kind is OrderKind.REFUND:
        return f"{it.kind} {RefundId.of(it.operation_id)}"
    return f"{it.kind} {PaymentId.of(it.payment_id)}"


def _plain(it: Standing) -> dict[str, Any]:
    window = msgspec.structs.asdict(it.window)
    counted = ("attempts", "failed", "failure_rate")
    breaker = it.breaker
    return {
        "name": it.name,
        "handles": it.handles,
        "breaker": {
            "state": State.CLOSED if breaker is None else breaker.state,
            "forced": breaker and breaker.forced,
            "forced_by": breaker and breaker.forced_by,
            "forced_why": breaker and breaker.forced_why,
            "changed_at": breaker and breaker.changed_at,
            "open_until": breaker and breaker.open_until,
            "failures_in_a_row": 0 if breaker is None else breaker.failures_in_a_row,
        },
        "window": window | {name: getattr(it.window, name) for name in counted},
    }


def _plain_attempt(it: AttemptRow) -> dict[str, Any]:
    is_refund = it.kind is OrderKind.REFUND
    plain = msgspec.structs.asdict(it)
    del plain["operation_id"]
    return plain | {
        "payment_id": str(PaymentId.of(it.payment_id)),
        "refund_id": str(RefundId.of(it.operation_id)) if is_refund else None,
    }
