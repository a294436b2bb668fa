"""Events of other systems over HTTP: what they make happen here."""

import asyncio
from typing import Annotated, Any

import msgspec
import structlog
from litestar import Request, Response, post
from litestar.params import Parameter

from paywright.api.answers import respond
from paywright.api.cloud_event_reading import Batch, CloudEvent, data_of, read_event, read_request
from paywright.api.hot import Desk
from paywright.api.problems import InternalError, as_problem, document
from paywright.api.vendor_payment_views import VendorPaymentView
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import Invalid
from paywright.idempotency import Answer
from paywright.payments.orders import Answered
from paywright.payments.vendor.work_completed import WorkCompleted, is_work_completed, payment_for

log = structlog.get_logger()


class EventTypeUnknown(Invalid):
    """Nothing here waits for events of this type.

    `event_type` names it. Known is `WorkCompleted`, with or without a domain before it, as in
    `com.example.WorkCompleted`.
    """


class EventResult(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What became of one event. `answer`: the payment that it made; `problem`: why it was refused;
    `replayed`: it had come before."""

    index: int
    status: int
    replayed: bool = False
    answer: VendorPaymentView | None = None
    problem: dict[str, Any] | None = None


class EventResults(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="event_results"
):
    """Of a batch, in its order."""

    accepted: int
    refused: int
    results: list[EventResult]


def _attribute(name: str) -> Any:
    text = "In binary mode; percent-encoded where it is not printable ASCII."
    return Parameter(header=name, required=False, description=text)


@post(
    "/events",
    status_code=201,
    opt={"permission": Permission.CREATE_PAYMENTS, "body": WorkCompleted, "also": (200,)},
)
async def receive_events(
    request: Request[Any, Any, Any],
    cause: Cause,
    ce_id: Annotated[str | None, _attribute("ce-id")] = None,
    ce_source: Annotated[str | None, _attribute("ce-source")] = None,
    ce_type: Annotated[str | None, _attribute("ce-type")] = None,
    ce_specversion: Annotated[str | None, _attribute("ce-specversion")] = None,
) -> Response[VendorPaymentView | EventResults]:
    """Take in a CloudEvent: `WorkCompleted` becomes a vendor payment, which waits for approval.

    CloudEvents 1.0 in binary mode (the data as the body, the attributes in headers), structured
    mode (`application/cloudevents+json`) or batched mode (`application/cloudevents-batch+json`, up
    to 100). An event is known by its source and id: sent again, it gets the same answer with
    `Idempotency-Replayed: true` and makes nothing; with other data it is refused. What is wrong
    with a payment that somebody enters is wrong with that of an event, too: a bill that was entered
    before, an incident that is closed. Events of a batch are answered each on its own, with 200.
    """
    desk: Desk = request.app.state.desk
    found = read_request(request.scope["headers"], await request.body())
    if isinstance(found, Batch):
        path = request.url.path
        waiting = [_told(desk, cause, it, index=i, path=path) for i, it in enumerate(found.events)]
        return respond(_whole(await asyncio.gather(*waiting)), replayed=False)
    answered = await _take(desk, cause, found)
    return respond(answered.answer, replayed=answered.replayed)


async def _take(desk: Desk, cause: Cause, event: CloudEvent) -> Answered:
    """Raises what refuses it."""
    if not is_work_completed(event.type):
        raise EventTypeUnknown(f"got {event.type[:100]!r}", event_type=event.type)
    data = data_of(event, WorkCompleted)
    asked = payment_for(cause, source=event.source, event_id=event.id, data=data)
    return await desk.bills.submit(asked)


async def _told(
    desk: Desk, cause: Cause, raw: msgspec.Raw, *, index: int, path: str
) -> dict[str, Any]:
    """What became of an event of a batch."""
    try:
        answered = await _take(desk, cause, read_event(raw))
    except Exception as error:
        problem = as_problem(error)
        if isinstance(problem, InternalError):
            log.exception("event failed", path=path, request_id=cause.request_id)
        told = document(problem, instance=path, request_id=cause.request_id)
        return {"index": index, "status": problem.status, "problem": msgspec.Raw(told)}
    result: dict[str, Any] = {"index": index, "status": answered.answer.status}
    if answered.replayed:
        result["replayed"] = True
    return {**result, "answer": msgspec.Raw(answered.answer.body)}


def _whole(results: list[dict[str, Any]]) -> Answer:
    refused = sum("problem" in it for it in results)
    told = {
        "type": "event_results",
        "accepted": len(results) - refused,
        "refused": refused,
        "results": results,
    }
    return Answer(200, msgspec.json.encode(told))


ROUTES = [receive_events]
