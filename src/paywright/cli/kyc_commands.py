"""KYC on the command line."""

from typing import Literal

import msgspec
from cyclopts import App as Cli

from paywright.cli.console import out, print_json
from paywright.cli.prepare import system_cause
from paywright.cli.session import Json, with_app
from paywright.kyc.decide import decide_by_hand
from paywright.kyc.model import Check, KycStatus
from paywright.kyc.request_check import request_check
from paywright.kyc.standing import Shown, show_standing
from paywright.wiring import App

cli = Cli(help="See and decide whether we know who a customer is.")


@cli.command
def show(customer_id: str, *, as_json: Json = False) -> None:
    """Where a customer stands."""

    async def main(app: App) -> Shown:
        return await show_standing(app.db, app.keys, system_cause(), customer_id=customer_id)

    _print(with_app(main), as_json=as_json)


@cli.command
def request(customer_id: str, *, as_json: Json = False) -> None:
    """Have the provider of KYC_PROVIDER_URL check a customer. A worker asks it."""

    async def main(app: App) -> tuple[Check, bool]:
        return await request_check(
            app.db,
            app.keys,
            system_cause(),
            customer_id=customer_id,
            provider=None if app.kyc_provider is None else app.kyc_provider.name,
        )

    check, is_new = with_app(main)
    if as_json:
        print_json(_plain(check))
    else:
        out.print(f"{check.id} is {'asked for' if is_new else 'under way already'}.")


@cli.command(name="set")
def set_status(
    customer_id: str,
    status: Literal["verified", "rejected", "unverified"],
    *,
    reason: str,
    as_json: Json = False,
) -> None:
    """Decide by hand. The reason is kept."""

    async def main(app: App) -> Shown:
        cause = system_cause()
        await decide_by_hand(
            app.db,
            app.keys,
            cause,
            customer_id=customer_id,
            status=KycStatus(status),
            reason=reason,
        )
        return await show_standing(app.db, app.keys, cause, customer_id=customer_id)

    _print(with_app(main), as_json=as_json)


def _print(shown: Shown, *, as_json: bool) -> None:
    standing, latest = shown.standing, shown.latest_check
    if as_json:
        print_json(
            {
                "customer_id": standing.customer_id,
                "status": standing.status,
                "since": standing.since,
                "expires_at": standing.expires_at,
                "is_present_name": shown.is_present_name,
                "latest_check": None if latest is None else _plain(latest),
            }
        )
        return
    since = f" since {standing.since:%Y-%m-%d %H:%M} UTC" if standing.since else ""
    until = f", until {standing.expires_at:%Y-%m-%d}" if standing.expires_at else ""
    out.print(f"{standing.customer_id}: {standing.status}{since}{until}", markup=False)
    if not shown.is_present_name:
        out.print("  verified under a name or country that has changed since: ask for a new check")
    if latest is not None:
        reason = f" ({latest.reason})" if latest.reason else ""
        out.print(f"  {latest.id} by {latest.provider}: {latest.status}{reason}", markup=False)


def _plain(check: Check) -> dict[str, object]:
    fields = msgspec.to_builtins(check)
    del fields["subject_index"]  # says nothing to anybody
    return {**fields, "id": str(check.id)}
