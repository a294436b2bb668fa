"""`paywright up` and `paywright demo`: everything on one machine, and the main job shown."""

import signal
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any

from paywright import __version__
from paywright.cli.console import CommandFailed, out, print_json
from paywright.cli.demo import decisions_table, run_demo
from paywright.cli.demo_charges import charge_samples, charges_table, provider_summary
from paywright.cli.demo_checks import checks_table, run_checks
from paywright.cli.demo_money import (
    accounts_table,
    move_samples,
    movements_table,
    read_accounts,
)
from paywright.cli.demo_vendors import vendor_samples, vendors_table
from paywright.cli.installation import Installation, Interrupted, StopRequest
from paywright.identity.permissions import Role
from paywright.settings import Settings


def up(settings: Settings, *, stay: bool, as_json: bool) -> int:
    """Start everything, do the main job, and stay until somebody says stop; the exit status."""
    out.quiet = as_json
    out.print(f"\n[bold]Paywright[/] {__version__}\n")
    stop_request = StopRequest()
    installation = Installation(settings, stop_request)
    with ExitStack() as stack:
        stack.enter_context(_signals(stop_request.ask))
        stack.callback(_stop, installation)
        try:
            installation.start()
            _show_money(installation)
            checks = _show_checks(installation)
            charges = _show_charges(installation)
            vendor_payments = _show_vendors(installation)
            accounts = _show_accounts(installation)
            issues = _show_issues(installation)
            if as_json:
                told = {
                    "url": installation.base_url,
                    "accounts": accounts,
                    "checks": checks,
                    "charges": charges,
                    "vendor_payments": vendor_payments,
                    "issues": issues,
                }
                print_json(told)
            if stay:
                _stay(installation)
        except Interrupted:
            return 0 if stay else 130
    return 0


def _show_money(installation: Installation) -> None:
    if installation.settings.environment == "production":
        return
    out.print("\n[bold]Money[/], moved through the API\n")
    key = installation.keys[Role.OPERATOR]
    out.print(movements_table(move_samples(installation.base_url, key)))


def _show_checks(installation: Installation) -> list[dict[str, Any]]:
    if installation.settings.environment == "production":
        return []
    out.print("\n[bold]Transfers, confirmed[/]: weighed, challenged when risky, sent\n")
    checks = run_checks(installation.base_url, installation.user, alive=installation.watch)
    out.print(checks_table(checks))
    return [{"what": it.what, "payment_id": it.payment_id, "status": it.status} for it in checks]


def _show_charges(installation: Installation) -> list[dict[str, Any]]:
    settings = installation.settings
    if settings.environment == "production" or settings.partner_bank_url or settings.stripe_api_key:
        return []  # the providers are not ours to try things out with
    out.print("\n[bold]Card charges[/], made by a provider, and given back\n")
    base, key = installation.base_url, installation.keys[Role.OPERATOR]
    shown = charge_samples(base, key)
    out.print(charges_table(shown))
    out.print(f"\n  {provider_summary(base, key)}", markup=False)
    return [{"what": it.what, "id": it.id, "status": it.status} for it in shown]


def _show_vendors(installation: Installation) -> list[dict[str, Any]]:
    settings = installation.settings
    if settings.environment == "production" or settings.partner_bank_url:
        return []  # the bank is not ours to try things out with
    out.print("\n[bold]Vendor payments[/], entered by one, approved by others, paid by a bank\n")
    paid = vendor_samples(installation.base_url, installation.keys, alive=installation.watch)
    out.print(vendors_table(paid))
    return [{"what": it.what, "id": it.id, "status": it.status} for it in paid]


def _show_accounts(installation: Installation) -> list[dict[str, Any]]:
    if installation.settings.environment == "production":
        return []
    accounts = read_accounts(installation.base_url, installation.keys[Role.OPERATOR])
    out.print("\n[bold]Accounts[/], after all of that\n")
    out.print(accounts_table(accounts))
    return accounts


def _show_issues(installation: Installation) -> list[dict[str, Any]]:
    if installation.settings.environment == "production":
        return []
    out.print("\n[bold]Payment issues[/], posted to the API and decided by the rules\n")
    key = installation.keys[Role.OPERATOR]
    issues = run_demo(installation.base_url, key, alive=installation.watch)
    out.print()
    out.print(decisions_table(issues))
    undecided = [issue for issue in issues if issue["decision"] is None]
    if undecided:
        raise CommandFailed(f"{len(undecided)} of {len(issues)} issues could not be decided")
    return issues


def _stay(installation: Installation) -> None:
    base, settings = installation.base_url, installation.settings
    out.print()
    for name, path in (
        ("API docs", "/docs"),
        ("Health", "/health/ready"),
        ("Metrics", "/metrics"),
    ):
        out.print(f"  {name:<10}[link={base}{path}]{base}{path}[/link]")
    if installation.keys:
        folder = settings.paywright_data_dir
        out.print(f"  {'API keys':<10}{folder / 'keys.json'}, one for each role")
        out.print(f"  {'Sign in':<10}as {installation.user['email']}; the password is there, too")
        out.print(f"  {'Logs':<10}{folder / 'logs'}\n")
        out.print("  Try it:", style="bold")
        out.print(
            f"  curl -s '{base}/api/v1/issues?status=awaiting_review' "
            f'-H "Authorization: Bearer {installation.keys[Role.REVIEWER]}"',
            soft_wrap=True,
            markup=False,
        )
    out.print("\n  Running. Ctrl-C stops everything.\n")
    while True:
        installation.watch()
        time.sleep(0.25)


def _stop(installation: Installation) -> None:
    if not installation.is_started:
        return
    with _signals(signal.SIG_IGN):  # Ctrl-C pressed twice must not leave half of it running
        out.print("\n  Stopping …")
        installation.stop()
        out.print("  Stopped.\n")


@contextmanager
def _signals(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> Generator[None]:
    """Have SIGINT, SIGTERM and SIGHUP handled while the block runs."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler_before in before.items():
            signal.signal(number, handler_before)
