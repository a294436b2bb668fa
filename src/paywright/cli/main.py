"""The `paywright` command."""

import sys
from typing import Annotated

from cyclopts import App as Cli
from cyclopts import Parameter

from paywright import __version__
from paywright.cli import (
    event_commands,
    iso20022_commands,
    issue_commands,
    job_commands,
    key_commands,
    kyc_commands,
    ledger_commands,
    list_commands,
    message_commands,
    provider_commands,
    reconcile_commands,
    report_commands,
    risk_commands,
    rule_commands,
    run_commands,
    screen_commands,
    simulator_commands,
    totp_commands,
    user_commands,
    vendor_commands,
    vendor_payment_commands,
)
from paywright.cli.console import guarded, out, print_json, run
from paywright.cli.database import database
from paywright.settings import Settings, read_settings
from paywright.telemetry import configure_logging

Json = Annotated[bool, Parameter(name="--json", negative=(), help="Print JSON, for machines.")]

cli = Cli(
    name="paywright",
    version=__version__,
    help="""Payment operations on PostgreSQL.

Start with `paywright up`: it starts a database, the API, a worker and a simulated bank on this
machine, moves sample money, confirms a risky transfer, posts sample payment issues and shows what
became of them. Settings come from the environment and a `.env` file; `paywright settings` lists
them. What a command prints, it also prints as JSON for machines, with `--json`.""",
    help_format="markdown",
    version_flags=["--version"],
)
cli.command(issue_commands.ingest_samples, name="ingest-samples")
cli.command(issue_commands.process_samples, name="process-samples")
cli.command(job_commands.cli, name="jobs")
cli.command(rule_commands.cli, name="rules")
cli.command(risk_commands.cli, name="risk")
cli.command(key_commands.cli, name="keys")
cli.command(user_commands.cli, name="users")
cli.command(totp_commands.cli, name="totp")
cli.command(ledger_commands.cli, name="ledger")
cli.command(screen_commands.cli, name="screen")
cli.command(list_commands.cli, name="lists")
cli.command(message_commands.cli, name="messages")
cli.command(kyc_commands.cli, name="kyc")
cli.command(reconcile_commands.reconcile)
cli.command(report_commands.cli, name="reports")
cli.command(provider_commands.cli, name="providers")
cli.command(vendor_payment_commands.cli, name="payments")
cli.command(run_commands.cli, name="payment-runs")
cli.command(event_commands.cli, name="events")
cli.command(iso20022_commands.cli, name="iso20022")
cli.command(vendor_commands.cli, name="vendors")
cli.command(simulator_commands.simulate_provider, name="simulate-provider")


@cli.command
def up(*, as_json: Json = False) -> None:
    """Start everything here, show the main job, and stay until Ctrl-C."""
    from paywright.cli.up import up as run_up

    sys.exit(guarded(lambda: run_up(read_settings(), stay=True, as_json=as_json)))


@cli.command
def demo(*, as_json: Json = False) -> None:
    """Like `up`, but stop at the end. The exit status is 0 when every sample was decided."""
    from paywright.cli.up import up as run_up

    sys.exit(guarded(lambda: run_up(read_settings(), stay=False, as_json=as_json)))


@cli.command
def serve() -> None:
    """Serve the HTTP API on PORT, until SIGTERM. Logs go to stderr."""
    from paywright.cli.processes import end_with_supervisor
    from paywright.cli.serve import serve as run_serve

    def command() -> None:
        end_with_supervisor()
        settings = read_settings()
        configure_logging(settings.log_level, service="paywright-api")
        with database(settings) as url:
            run(run_serve(settings, url=url))

    guarded(command)


@cli.command
def work() -> None:
    """Work on jobs and schedules, until SIGTERM. Logs go to stderr."""
    from paywright.cli.processes import end_with_supervisor
    from paywright.worker import run_worker

    def command() -> bool:
        end_with_supervisor()
        settings = read_settings()
        configure_logging(settings.log_level, service="paywright-worker")
        with database(settings) as url:
            return run(run_worker(settings, url=url))

    sys.exit(0 if guarded(command) else 1)


@cli.command
def migrate(
    *,
    check: Annotated[bool, Parameter(negative=(), help="Only say what would be done.")] = False,
    as_json: Json = False,
) -> None:
    """Bring the database's schema up to date. With --check the status is 1 if it is not."""
    from paywright.cli.prepare import ensure_rules
    from paywright.db import migrate as migrations
    from paywright.wiring import build

    async def prepare(settings: Settings, url: str) -> None:
        app = await build(settings, url=url, application="paywright-migrate")
        try:
            await ensure_rules(app)
        finally:
            await app.close()

    def command() -> int:
        settings = read_settings()
        with database(settings) as url:
            todo = run(migrations.missing(url) if check else migrations.migrate(url))
            if not check:
                run(prepare(settings, url))
        names = [f"{step.version:04}_{step.name}" for step in todo]
        if as_json:
            print_json({"pending" if check else "applied": names})
        else:
            verb = "to be run" if check else "run"
            out.print("\n".join(f"{name}: {verb}" for name in names) or "The schema is up to date.")
        return 1 if check and names else 0

    sys.exit(guarded(command))


@cli.command
def settings(*, as_json: Json = False) -> None:
    """Show the settings in force. Secrets are shown as set or not."""
    from paywright.cli.settings_view import show_settings

    guarded(lambda: show_settings(read_settings(), as_json=as_json))


def main() -> None:
    """Entry point of the command."""
    cli()
