"""Reports over HTTP, as JSON or as one CSV."""

from collections.abc import AsyncGenerator
from typing import Annotated, Any, Literal

from litestar import Request, Response, get
from litestar.params import Parameter
from litestar.response import Stream

from paywright.api.report_views import AgeingReport, CostReport, PayoutReport, SpendReport
from paywright.api.requests import END
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.reporting.ageing import ageing_csv, approval_ageing
from paywright.reporting.costs import incident_costs, incident_costs_csv
from paywright.reporting.model import Filters, Grouping
from paywright.reporting.payouts import vendor_payouts, vendor_payouts_csv
from paywright.reporting.period import read_period
from paywright.reporting.spend import payer_type_spend, payer_type_spend_csv
from paywright.wiring import App

_JSON, _CSV = "application/json", "text/csv"
_OPT = {"permission": Permission.READ_REPORTS, "also_as": (_CSV,)}

Begin = Annotated[
    str | None, Parameter(query="from", max_length=40, description="A date, or a time. UTC.")
]
Until = Annotated[
    str | None, Parameter(query="to", max_length=40, description="The same; itself left out.")
]
Currency = Annotated[str | None, Parameter(pattern=r"^[A-Z]{3}" + END)]
VendorName = Annotated[str | None, Parameter(pattern=r"^[A-Za-z0-9_-]{1,64}" + END)]
IncidentName = Annotated[str | None, Parameter(pattern=r"^[A-Za-z0-9_.:-]{1,64}" + END)]
PayerType = Annotated[str | None, Parameter(pattern=r"^[A-Za-z0-9_.:-]{1,64}" + END)]
Format = Literal["json", "csv"] | None
Cursor = Annotated[str | None, Parameter(max_length=400)]
Limit = Annotated[int, Parameter(ge=1, le=1000)]
Asked = Request[Any, Any, Any]


@get("/reports/vendor-payouts", opt=_OPT)
async def get_vendor_payouts(
    request: Asked,
    app: App,
    cause: Cause,
    since: Begin = None,
    until: Until = None,
    group_by: Grouping = Grouping.MONTH,
    vendor_id: VendorName = None,
    currency: Currency = None,
    format: Format = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response[PayoutReport]:
    """What vendors were paid, by period, vendor and currency.

    A payout counts when we learned that it was carried out, or that it failed. With `format=csv`
    or `Accept: text/csv` all rows are one download, without pages.
    """
    filters = _filters(since, until, vendor_id=vendor_id, currency=currency)
    if _is_csv(request, format):
        lines = vendor_payouts_csv(app.db, cause, filters=filters, group_by=group_by)
        return await _download(lines, name="vendor-payouts.csv")
    page = await vendor_payouts(
        app.db, cause, filters=filters, group_by=group_by, cursor=cursor, limit=limit
    )
    return Response(PayoutReport.of(page, filters, group_by), media_type=_JSON)


@get("/reports/incident-costs", opt=_OPT)
async def get_incident_costs(
    request: Asked,
    app: App,
    cause: Cause,
    since: Begin = None,
    until: Until = None,
    currency: Currency = None,
    vendor_id: VendorName = None,
    incident_id: IncidentName = None,
    format: Format = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response[CostReport]:
    """What incidents cost: paid, and open, of payments made in the period.

    The dearest come first, one currency after the other. With `format=csv` or `Accept: text/csv`
    all rows are one download, without pages.
    """
    filters = _filters(
        since, until, currency=currency, vendor_id=vendor_id, incident_id=incident_id
    )
    if _is_csv(request, format):
        lines = incident_costs_csv(app.db, cause, filters=filters)
        return await _download(lines, name="incident-costs.csv")
    page = await incident_costs(app.db, cause, filters=filters, cursor=cursor, limit=limit)
    return Response(CostReport.of(page, filters), media_type=_JSON)


@get("/reports/approval-ageing", opt=_OPT)
async def get_approval_ageing(
    request: Asked,
    app: App,
    cause: Cause,
    since: Begin = None,
    until: Until = None,
    vendor_id: VendorName = None,
    currency: Currency = None,
    format: Format = None,
) -> Response[AgeingReport]:
    """How long payments have been waiting for approval, and how long approvals took.

    What waits is that of now; the period is that in which the others were approved.
    """
    filters = _filters(since, until, vendor_id=vendor_id, currency=currency)
    told = await approval_ageing(app.db, cause, filters=filters)
    if _is_csv(request, format):
        return _attached(ageing_csv(told), name="approval-ageing.csv")
    return Response(AgeingReport.of(told, filters), media_type=_JSON)


@get("/reports/payer-type-spend", opt=_OPT)
async def get_payer_type_spend(
    request: Asked,
    app: App,
    cause: Cause,
    since: Begin = None,
    until: Until = None,
    group_by: Grouping = Grouping.MONTH,
    payer_type: PayerType = None,
    currency: Currency = None,
    format: Format = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response[SpendReport]:
    """What was paid to vendors in whose name, by period, payer type and currency.

    With `format=csv` or `Accept: text/csv` all rows are one download, without pages.
    """
    filters = _filters(since, until, payer_type=payer_type, currency=currency)
    if _is_csv(request, format):
        lines = payer_type_spend_csv(app.db, cause, filters=filters, group_by=group_by)
        return await _download(lines, name="payer-type-spend.csv")
    page = await payer_type_spend(
        app.db, cause, filters=filters, group_by=group_by, cursor=cursor, limit=limit
    )
    return Response(SpendReport.of(page, filters, group_by), media_type=_JSON)


def _filters(since: str | None, until: str | None, **others: str | None) -> Filters:
    begin, end = read_period(since, until)
    return Filters(since=begin, until=end, **others)


def _is_csv(request: Asked, format: Format) -> bool:
    if format is None:
        return request.accept.best_match([_JSON, _CSV], default=_JSON) == _CSV
    return format == "csv"


async def _download(parts: AsyncGenerator[bytes], *, name: str) -> Any:
    # The first part before the first byte: what fails has an answer of its own.
    first = await anext(parts)

    async def all_parts() -> AsyncGenerator[bytes]:
        yield first
        async for more in parts:
            yield more

    return Stream(all_parts(), media_type=_TABLE, headers=_headers(name))


def _attached(text: bytes, *, name: str) -> Any:
    return Response(text, media_type=_TABLE, headers=_headers(name))


_TABLE = f"{_CSV}; header=present"


def _headers(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


ROUTES = [get_vendor_payouts, get_incident_costs, get_approval_ageing, get_payer_type_spend]
