"""Payment runs over HTTP: collect, release, take out the file, take in what the bank answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.params import Parameter
from msgspec import Meta

from paywright.api.answers import respond
from paywright.api.payment_run_views import (
    DepartureView,
    PaymentRunPage,
    PaymentRunShown,
    PaymentRunView,
    StatusReportView,
)
from paywright.api.problems import InvalidRequest
from paywright.api.requests import END, one_key, read_body, read_id
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.currencies import EXPONENT
from paywright.core.errors import Problem
from paywright.core.ids import RunId
from paywright.payment_runs.cancel import cancel_run
from paywright.payment_runs.collect import RUN_MAX, create_run
from paywright.payment_runs.export import export_run
from paywright.payment_runs.model import PaymentRun, RunMethod, RunStatus
from paywright.payment_runs.release import release_run
from paywright.payment_runs.take_report import take_report
from paywright.payment_runs.views import get_run, list_runs
from paywright.wiring import App

_XML = "application/xml"
_XML_TYPES = (_XML, "text/xml")
# An answer to the largest file, of 10,000 payments, has about 5 MB.
_REPORT_BYTES_MAX = 16 * 1024 * 1024
_CURRENCY = r"^[A-Z]{3}" + END


class NotXml(Problem):
    """The request body must be `application/xml`."""

    status = 415


class PaymentRunRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to be collected.

    `provider`: payments to vendors who are paid in runs; `file`: payments that leave in a file for
    a bank, which is asked to pay on `execution_date`, today by default.
    """

    currency: Annotated[str, Meta(pattern=_CURRENCY)]
    method: RunMethod
    execution_date: date | None = None
    limit: Annotated[int, Meta(ge=1, le=RUN_MAX)] = RUN_MAX


@dataclass
class XmlOperation(Operation):
    """An operation whose body is a file."""

    def __post_init__(self) -> None:
        body = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))
        self.request_body = RequestBody(content={_XML: body}, required=True)


def _rendered(run: PaymentRun) -> bytes:
    return msgspec.json.encode(PaymentRunView.of(run))


def _run_id(text: str) -> RunId:
    return read_id(RunId, text, field="run_id")


KeyHeader = Annotated[str | None, Parameter(header="Idempotency-Key", required=False)]


@post(
    "/payment-runs",
    status_code=201,
    opt={"permission": Permission.MANAGE_RUNS, "body": PaymentRunRequest},
)
async def post_payment_run(
    request: Request[Any, Any, Any], app: App, cause: Cause, key: KeyHeader = None
) -> Response[PaymentRunView]:
    """Collect approved payments that wait for a run, the oldest first.

    Nothing leaves by this: release the run, or take out its file. Until then it can be canceled.
    A payment is in one run at most. Without anything to collect: 409 `nothing-to-collect`.
    """
    body: PaymentRunRequest = await read_body(request, PaymentRunRequest)
    if body.currency not in EXPONENT:
        raise InvalidRequest.field("currency", f"{body.currency!r} is not a currency of ISO 4217")
    answered = await create_run(
        app.db,
        app.file_terms,
        cause,
        key=one_key(key, None),
        currency=body.currency,
        method=body.method,
        execution_date=body.execution_date,
        limit=body.limit,
        render=_rendered,
    )
    return respond(answered.answer, replayed=answered.replayed)


@get("/payment-runs", opt={"permission": Permission.READ_PAYMENTS})
async def get_payment_runs(
    app: App,
    cause: Cause,
    status: RunStatus | None = None,
    method: RunMethod | None = None,
    currency: Annotated[str | None, Parameter(pattern=_CURRENCY)] = None,
    cursor: Annotated[str | None, Parameter(max_length=200)] = None,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 50,
) -> PaymentRunPage:
    """List payment runs, newest first."""
    page = await list_runs(
        app.db, cause, status=status, method=method, currency=currency, cursor=cursor, limit=limit
    )
    return PaymentRunPage([PaymentRunView.of(it) for it in page.items], page.next_cursor)


@get("/payment-runs/{run_id:str}", opt={"permission": Permission.READ_PAYMENTS})
async def get_one_payment_run(
    app: App,
    cause: Cause,
    run_id: str,
    cursor: Annotated[str | None, Parameter(max_length=200)] = None,
    limit: Annotated[int, Parameter(ge=1, le=1000)] = 200,
) -> PaymentRunShown:
    """One payment run: how its payments stand, counts and sums, and what the bank has answered.

    `next_cursor` leads to the next page of payments; `totals` are of all of them.
    """
    shown = await get_run(app.db, cause, run_id=_run_id(run_id), cursor=cursor, limit=limit)
    return PaymentRunShown.of_shown(shown)


@post(
    "/payment-runs/{run_id:str}/release",
    status_code=200,
    opt={"permission": Permission.MANAGE_RUNS},
)
async def post_payment_run_release(app: App, cause: Cause, run_id: str) -> DepartureView:
    """Hand the payments of a run to their providers.

    Payments that may not leave any more, because the vendor is blocked or its bank details have
    changed, are held back and taken out of the run. Once: after that, 409 `run-not-collected`.
    """
    departure = await release_run(app.db, app.vendor_parts, cause, run_id=_run_id(run_id))
    return DepartureView.of_departure(departure)


@post(
    "/payment-runs/{run_id:str}/cancel",
    status_code=200,
    opt={"permission": Permission.MANAGE_RUNS},
)
async def post_payment_run_cancel(app: App, cause: Cause, run_id: str) -> PaymentRunView:
    """Cancel a run before it leaves. Its payments wait for another one."""
    return PaymentRunView.of(await cancel_run(app.db, cause, run_id=_run_id(run_id)))


@get(
    "/payment-runs/{run_id:str}/pain.001",
    media_type=_XML,
    opt={"permission": Permission.MANAGE_RUNS},
)
async def get_payment_run_file(app: App, cause: Cause, run_id: str) -> Response[bytes]:
    """The file of a run for the bank, pain.001.001.09.

    The first time releases the run: from then on its payments count as on their way. It is the same
    file each time afterwards, byte by byte; `Payment-File-SHA256` is its digest.
    """
    file = await export_run(app.db, app.vendor_parts, cause, run_id=_run_id(run_id))
    digest = (file.run.file_hash or b"").hex()
    headers = {
        "Content-Disposition": f'attachment; filename="{file.run.message_id}.xml"',
        "Payment-File-SHA256": digest,
    }
    return Response(file.data, media_type=_XML, headers=headers)


@post(
    "/payment-runs/{run_id:str}/status-reports",
    status_code=200,
    operation_class=XmlOperation,
    request_max_body_size=_REPORT_BYTES_MAX,
    opt={"permission": Permission.MANAGE_RUNS},
)
async def post_status_report_of_run(
    request: Request[Any, Any, Any], app: App, cause: Cause, run_id: str
) -> StatusReportView:
    """Take in what the bank answers to the file of this run: a pain.002.

    As with `POST /api/v1/payment-runs/status-reports`; the answer to another file is refused.
    """
    return await _take(request, app, cause, run_id=_run_id(run_id))


@post(
    "/payment-runs/status-reports",
    status_code=200,
    operation_class=XmlOperation,
    request_max_body_size=_REPORT_BYTES_MAX,
    opt={"permission": Permission.MANAGE_RUNS},
)
async def post_status_report(
    request: Request[Any, Any, Any], app: App, cause: Cause
) -> StatusReportView:
    """Take in what a bank answers to a file: a pain.002. The run is found by the file it names.

    Payments that the bank has made succeed, those that it rejects fail with its reason code, and
    all others stay as they are. What names no payment of the run, or another amount, changes
    nothing and is listed as `unmatched`; what is against something that had ended otherwise is
    listed as `contradicting`, and a person is told. The same file again is counted once.
    """
    return await _take(request, app, cause)


async def _take(
    request: Request[Any, Any, Any], app: App, cause: Cause, *, run_id: RunId | None = None
) -> StatusReportView:
    content_type = request.headers.get("content-type", _XML)
    if content_type.partition(";")[0].strip().lower() not in _XML_TYPES:
        raise NotXml(f"got {content_type[:100]!r}")
    data = await request.body()
    return StatusReportView.of(
        await take_report(app.db, app.file_terms, cause, data=data, run_id=run_id)
    )


ROUTES: Sequence[Any] = [
    post_payment_run,
    get_payment_runs,
    get_one_payment_run,
    post_payment_run_release,
    post_payment_run_cancel,
    get_payment_run_file,
    post_status_report_of_run,
    post_status_report,
]
