"""What was found of payments, over HTTP; other rules tried on them; exemptions."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, post
from litestar.params import Parameter
from msgspec import Meta

from paywright.api.requests import (
    END,
    CustomerRef,
    Reference,
    Text,
    in_our_time,
    read_body,
    read_id,
)
from paywright.api.risk_views import (
    AssessmentPage,
    AssessmentView,
    DryRunView,
    ExemptionPage,
    ExemptionView,
)
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.ids import ExemptionId, PaymentId
from paywright.core.money import MINOR_MAX
from paywright.risk.dry_run import dry_run
from paywright.risk.end_exemption import end_exemption
from paywright.risk.exempt import grant_exemption
from paywright.risk.model import Level
from paywright.risk.views import Filters, get_assessment, list_assessments, list_exemptions
from paywright.wiring import App

_DRY_RUN_MAX = 20_000

Zoned = Annotated[datetime, Meta(tz=True)]
Customer = Annotated[str | None, Parameter(pattern=r"^[A-Za-z0-9_-]{1,64}" + END)]
Cursor = Annotated[str | None, Parameter(max_length=200)]
Limit = Annotated[int, Parameter(ge=1, le=200)]


class DryRunRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`limit`: how many payments are looked at, from the oldest on. `paywright risk dry-run` has
    no such bound."""

    source: Annotated[str, Meta(min_length=1, max_length=256 * 1024, description="YAML.")]
    since: Zoned | None = None
    until: Zoned | None = None
    limit: Annotated[int, Meta(ge=1, le=_DRY_RUN_MAX)] = 5_000


class ExemptionRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Without `rule_id` it is for every rule; never for what sanctions lists say."""

    customer_id: CustomerRef
    reason: Text
    expires_at: Zoned
    rule_id: Reference | None = None
    payee_id: CustomerRef | None = None
    currency: Annotated[str, Meta(min_length=3, max_length=3)] | None = None
    amount_max_minor: Annotated[int, Meta(ge=1, le=MINOR_MAX)] | None = None


@get("/risk/assessments", opt={"permission": Permission.READ_RISK})
async def get_assessments(
    app: App,
    cause: Cause,
    level: Level | None = None,
    customer_id: Customer = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> AssessmentPage:
    """What was found of payments, newest payment first; of a payer, or of a level."""
    filters = Filters(level=level, customer_id=customer_id)
    page = await list_assessments(app.db, cause, filters=filters, cursor=cursor, limit=limit)
    return AssessmentPage([AssessmentView.of(it) for it in page.items], page.next_cursor)


@get("/transfers/{transfer_id:str}/assessment", opt={"permission": Permission.READ_RISK})
async def get_transfer_assessment(app: App, cause: Cause, transfer_id: str) -> AssessmentView:
    """What was found of one transfer, by which rules, and on which facts."""
    prefix, _, suffix = transfer_id.partition("_")
    text = f"pay_{suffix}" if prefix == "trf" else transfer_id
    payment_id = read_id(PaymentId, text, field="transfer_id")
    return AssessmentView.of(await get_assessment(app.db, cause, payment_id=payment_id))


@post(
    "/risk/dry-runs",
    status_code=200,
    opt={"permission": Permission.MANAGE_RULES, "body": DryRunRequest},
)
async def post_dry_run(request: Request[Any, Any, Any], app: App, cause: Cause) -> DryRunView:
    """What other rules would have made of past payments, on the facts of then. Changes nothing."""
    body: DryRunRequest = await read_body(request, DryRunRequest)
    found = await dry_run(
        app.db,
        cause,
        source=body.source,
        since=None if body.since is None else in_our_time("since", body.since),
        until=None if body.until is None else in_our_time("until", body.until),
        limit=body.limit,
    )
    return DryRunView.of(found)


@get("/risk/exemptions", opt={"permission": Permission.READ_RISK})
async def get_exemptions(
    app: App,
    cause: Cause,
    customer_id: Customer = None,
    in_force: bool = False,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> ExemptionPage:
    """Exemptions, newest first; all that there ever were, or those in force."""
    page = await list_exemptions(
        app.db, cause, customer_id=customer_id, only_open=in_force, cursor=cursor, limit=limit
    )
    return ExemptionPage([ExemptionView.of(it) for it in page.items], page.next_cursor)


@post(
    "/risk/exemptions",
    status_code=201,
    opt={"permission": Permission.MANAGE_RISK, "body": ExemptionRequest},
)
async def post_exemption(request: Request[Any, Any, Any], app: App, cause: Cause) -> ExemptionView:
    """Let a rule not count for a customer's payments, for 90 days at most. Not repeatable."""
    body: ExemptionRequest = await read_body(request, ExemptionRequest)
    exemption = await grant_exemption(
        app.db,
        cause,
        customer_id=body.customer_id,
        reason=body.reason,
        expires_at=in_our_time("expires_at", body.expires_at),
        rule_id=body.rule_id,
        payee=body.payee_id,
        currency=body.currency,
        amount_max_minor=body.amount_max_minor,
    )
    return ExemptionView.of(exemption)


@delete(
    "/risk/exemptions/{exemption_id:str}",
    status_code=200,
    opt={"permission": Permission.MANAGE_RISK},
)
async def delete_exemption(app: App, cause: Cause, exemption_id: str) -> ExemptionView:
    """End an exemption. It stays on file; ending it twice is once."""
    parsed = read_id(ExemptionId, exemption_id, field="exemption_id")
    return ExemptionView.of(await end_exemption(app.db, cause, exemption_id=parsed))


ROUTES = [
    get_assessments,
    get_transfer_assessment,
    post_dry_run,
    get_exemptions,
    post_exemption,
    delete_exemption,
]
