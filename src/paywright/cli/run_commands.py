"""Payment runs on the command line."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from cyclopts import App as Cli
from cyclopts import Parameter
from cyclopts.validators import Number

from paywright.cli.console import CommandFailed, out, print_json, print_table
from paywright.cli.prepare import system_cause
from paywright.cli.private_file import write_private
from paywright.cli.session import Json, with_app
from paywright.core.ids import RunId
from paywright.core.money import Money
from paywright.payment_runs.cancel import cancel_run
from paywright.payment_runs.collect import RUN_MAX, create_run
from paywright.payment_runs.export import PaymentFile, export_run
from paywright.payment_runs.model import PaymentRun, RunMethod, Taken
from paywright.payment_runs.release import Departure, release_run
from paywright.payment_runs.take_report import take_report
from paywright.payment_runs.views import RunShown, get_run, list_runs
from paywright.wiring import App

_LISTED_MAX = 1_000

cli = Cli(help="Let approved vendor payments leave together, by providers or in files for a bank.")


@cli.command(name="list")
def list_all(*, as_json: Json = False) -> None:
    """The newest 1,000 payment runs."""

    async def main(app: App) -> list[PaymentRun]:
        page = await list_runs(app.db, system_cause(), limit=_LISTED_MAX)
        return list(page.items)

    found = with_app(main)
    if as_json:
        print_json([_plain(run) for run in found])
        return
    rows = [
        [str(it.id), it.method, it.status, f"{it.payments:,}", str(it.amount),
         f"{it.created_at:%Y-%m-%d %H:%M}"]
        for it in found
    ]  # fmt: skip
    print_table("", ["Run", "Method", "Status", "Payments", "Amount", "Made, UTC"], rows)


@cli.command
def create(
    currency: str,
    *,
    method: Literal["provider", "file"],
    day: Annotated[date | None, Parameter(help="Of a file: when the bank is to pay.")] = None,
    limit: Annotated[
        int, Parameter(help="Payments at most.", validator=Number(gte=1, lte=RUN_MAX))
    ] = RUN_MAX,
    as_json: Json = False,
) -> None:
    """Collect approved payments that wait for a run. Nothing leaves by this."""

    async def main(app: App) -> RunShown:
        cause = system_cause()
        answered = await create_run(
            app.db,
            app.file_terms,
            cause,
            key=cause.request_id,
            currency=currency.upper(),
            method=RunMethod(method),
            execution_date=day,
            limit=limit,
            render=lambda run: str(run.id).encode(),
        )
        run_id = RunId.parse(answered.answer.body.decode())
        return await get_run(app.db, cause, run_id=run_id, limit=RUN_MAX)

    _print_shown(with_app(main), as_json=as_json)


@cli.command
def show(run_id: str, *, as_json: Json = False) -> None:
    """One run: how its payments stand, and what the bank has answered."""

    async def main(app: App) -> RunShown:
        return await get_run(app.db, system_cause(), run_id=_id(run_id), limit=RUN_MAX)

    _print_shown(with_app(main), as_json=as_json)


@cli.command
def release(run_id: str, *, as_json: Json = False) -> None:
    """Hand the payments of a run to their providers. A worker does it."""

    async def main(app: App) -> Departure:
        return await release_run(app.db, app.vendor_parts, system_cause(), run_id=_id(run_id))

    departure = with_app(main)
    held_back = [
        {"payment_id": str(it.payment_id), "reason": it.reason} for it in departure.held_back
    ]
    if as_json:
        print_json(_plain(departure.run) | {"held_back": held_back})
        return
    out.print(_sentence(departure.run))
    for it in held_back:
        out.print(f"  {it['payment_id']} was held back: {it['reason']}", markup=False)


@cli.command
def cancel(run_id: str, *, as_json: Json = False) -> None:
    """Cancel a run before it leaves. Its payments wait for another one."""

    async def main(app: App) -> PaymentRun:
        return await cancel_run(app.db, system_cause(), run_id=_id(run_id))

    run = with_app(main)
    if as_json:
        print_json(_plain(run))
    else:
        out.print(_sentence(run))


@cli.command
def export(run_id: str, file: Path, *, as_json: Json = False) -> None:
    """Write the pain.001 of a run for the bank. The first time releases the run."""

    def write(data: bytes) -> None:
        try:
            write_private(file, data.decode())
        except OSError as error:
            # The run has left, and the same file can be had again.
            raise CommandFailed(f"cannot write {file}: {error.strerror}; try again") from None

    async def main(app: App) -> PaymentFile:
        made = await export_run(app.db, app.vendor_parts, system_cause(), run_id=_id(run_id))
        write(made.data)
        return made

    made = with_app(main)
    if as_json:
        print_json(_plain(made.run) | {"file": str(file), "bytes": len(made.data)})
    else:
        out.print(f"{_sentence(made.run)} {file} is what the bank is to be given.", markup=False)


@cli.command(name="import")
def take_in(
    file: Path,
    *,
    run: Annotated[str | None, Parameter(help="Refuse the answer to another one.")] = None,
    as_json: Json = False,
) -> None:
    """Take in a pain.002: what the bank answers to the file of a run."""

    async def main(app: App) -> Taken:
        run_id = None if run is None else _id(run)
        data = _read(file)
        return await take_report(app.db, app.file_terms, system_cause(), data=data, run_id=run_id)

    taken = with_app(main)
    if as_json:
        print_json(_plain_taken(taken))
        return
    before = "it came before: " if taken.replayed else ""
    out.print(
        f"{taken.run_id}: {before}{taken.settled:,} made, {taken.failed:,} failed, "
        f"{taken.pending:,} not decided, {taken.unchanged:,} known before"
    )
    for line in taken.unmatched:
        out.print(f"  {line.end_to_end_id}: {line.status}: {line.reason}", markup=False)
    for it in taken.contradicting:
        out.print(f"  {it.payment_id} is {it.our_status}; the bank says {it.status}", markup=False)


def _print_shown(shown: RunShown, *, as_json: bool) -> None:
    if as_json:
        print_json(
            _plain(shown.run)
            | {
                "totals": shown.totals,
                "items": [
                    {"id": str(it.id), "vendor_id": it.vendor_id, "status": it.status,
                     "amount_minor": it.amount.minor, "failure_code": it.failure_code}
                    for it in shown.payments.items
                ],
                "status_reports": [_plain_taken(it) for it in shown.reports],
            }
        )  # fmt: skip
        return
    out.print(_sentence(shown.run))
    rows = [
        [it.status, f"{it.payments:,}", str(Money(it.amount_minor, shown.run.currency))]
        for it in shown.totals
    ]
    print_table("", ["Status", "Payments", "Amount"], rows)


def _sentence(run: PaymentRun) -> str:
    payments = "payment" if run.payments == 1 else "payments"
    return f"{run.id} is {run.status}: {run.payments:,} {payments} by {run.method}, {run.amount}."


def _plain(run: PaymentRun) -> dict[str, Any]:
    told = msgspec.structs.asdict(run)
    told |= {
        "id": str(run.id),
        "currency": run.currency,
        "amount_minor": run.amount.minor,
        "file_sha256": None if run.file_hash is None else run.file_hash.hex(),
    }
    del told["amount"], told["file_hash"], told["debtor"]
    return told


def _plain_taken(taken: Taken) -> dict[str, Any]:
    return msgspec.structs.asdict(taken) | {"id": str(taken.id), "run_id": str(taken.run_id)}


def _id(text: str) -> RunId:
    try:
        return RunId.parse(text)
    except ValueError as error:
        raise CommandFailed(str(error)) from None


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CommandFailed(f"cannot read {file}: {error.strerror}") from None
