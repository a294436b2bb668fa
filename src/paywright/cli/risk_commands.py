"""Risk on the command line: why a payment was judged so, other rules, exemptions."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, TypeVar

from cyclopts import App as Cli
from cyclopts import Parameter
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from paywright.cli.console import CommandFailed, err, out, print_json
from paywright.cli.prepare import system_cause
from paywright.cli.risk_show import (
    plain_assessment,
    plain_dry_run,
    plain_exemption,
    print_assessment,
    print_dry_run,
    print_exemptions,
)
from paywright.cli.session import Json, with_app
from paywright.core.ids import ExemptionId, Id, PaymentId
from paywright.core.money import Money
from paywright.risk.dry_run import DryRun, dry_run
from paywright.risk.end_exemption import end_exemption
from paywright.risk.exempt import grant_exemption
from paywright.risk.model import Assessment, Exemption
from paywright.risk.views import get_assessment, list_exemptions
from paywright.wiring import App

AnyId = TypeVar("AnyId", bound=Id)

_LISTED_MAX = 1_000

cli = Cli(help="See why payments were judged as they were, try other rules, grant exemptions.")
exemptions = Cli(name="exemptions", help="Let a rule not count for a customer, for a while.")
cli.command(exemptions)


@cli.command
def show(payment_id: str, *, as_json: Json = False) -> None:
    """What was found of a payment, by which rules, and on which facts."""

    async def main(app: App) -> Assessment:
        parsed = _id(PaymentId, payment_id)
        return await get_assessment(app.db, system_cause(), payment_id=parsed)

    found = with_app(main)
    if as_json:
        print_json(plain_assessment(found))
        return
    print_assessment(found)


@cli.command(name="dry-run")
def try_rules(
    file: Path,
    *,
    since: Annotated[datetime | None, Parameter(help="Payments made from then on. UTC.")] = None,
    until: Annotated[datetime | None, Parameter(help="Payments made before then. UTC.")] = None,
    as_json: Json = False,
) -> None:
    """What the rules of a file would have made of past payments. Changes nothing."""

    async def main(app: App) -> DryRun:
        with _progress() as progress:
            task = progress.add_task("", total=None)
            return await dry_run(
                app.db,
                system_cause(),
                source=_read(file),
                since=_utc(since),
                until=_utc(until),
                progress=lambda count: progress.update(task, completed=count),
            )

    found = with_app(main)
    if as_json:
        print_json(plain_dry_run(found))
    else:
        print_dry_run(found)


@exemptions.command(name="list")
def list_all(
    *,
    customer: Annotated[str | None, Parameter(help="Only those of this customer.")] = None,
    in_force: Annotated[bool, Parameter(negative=(), help="Only those in force.")] = False,
    as_json: Json = False,
) -> None:
    """The newest 1,000 exemptions, those that ended too."""

    async def main(app: App) -> list[Exemption]:
        page = await list_exemptions(
            app.db,
            system_cause(),
            customer_id=customer,
            only_open=in_force,
            cursor=None,
            limit=_LISTED_MAX,
        )
        return list(page.items)

    found = with_app(main)
    if as_json:
        print_json([plain_exemption(it) for it in found])
        return
    print_exemptions(found)


@exemptions.command
def grant(
    customer_id: str,
    *,
    reason: str,
    days: Annotated[int, Parameter(help="Until it expires, 90 at most.")],
    rule: Annotated[str | None, Parameter(help="The only rule that does not count.")] = None,
    payee: Annotated[str | None, Parameter(help="Only for payments to this customer.")] = None,
    currency: Annotated[str | None, Parameter(help="Of the amount.")] = None,
    amount_max: Annotated[str | None, Parameter(help="Up to this amount, `2500.00`.")] = None,
    as_json: Json = False,
) -> None:
    """Let a rule, or every rule, not count for payments of a customer. Sanctions always count."""

    async def main(app: App) -> Exemption:
        cause = system_cause()
        return await grant_exemption(
            app.db,
            cause,
            customer_id=customer_id,
            reason=reason,
            expires_at=cause.at + timedelta(days=days),
            rule_id=rule,
            payee=payee,
            currency=currency,
            amount_max_minor=_minor(amount_max, currency),
        )

    granted = with_app(main)
    if as_json:
        print_json(plain_exemption(granted))
    else:
        out.print(f"{granted.id}, until {granted.expires_at:%Y-%m-%d %H:%M} UTC.")


@exemptions.command
def end(exemption_id: str, *, as_json: Json = False) -> None:
    """End an exemption before its time."""

    async def main(app: App) -> Exemption:
        parsed = _id(ExemptionId, exemption_id)
        return await end_exemption(app.db, system_cause(), exemption_id=parsed)

    ended = with_app(main)
    if as_json:
        print_json(plain_exemption(ended))
    else:
        out.print(f"{ended.id} has ended.")


def _minor(amount: str | None, currency: str | None) -> int | None:
    if amount is None:
        return None
    if currency is None:
        raise CommandFailed("--amount-max needs --currency")
    try:
        return Money.parse(amount, currency).minor
    except ValueError as error:
        raise CommandFailed(str(error)) from None


def _id(kind: type[AnyId], text: str) -> AnyId:
    try:
        return kind.parse(text)
    except ValueError as error:
        raise CommandFailed(str(error)) from None


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise CommandFailed(f"cannot read {file}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise CommandFailed(f"{file} is not a text in UTF-8") from None


@contextmanager
def _progress() -> Generator[Progress]:
    """On a terminal; it is gone when the work is done."""
    progress = Progress(
        TextColumn("  {task.completed:,} payments"),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )
    with progress:
        yield progress


def _utc(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at
