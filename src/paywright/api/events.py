"""The event log over HTTP, for whoever wants to know what happens."""

from typing import Annotated

import msgspec
from litestar import get
from litestar.params import Parameter

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.publishing.cloud_event import CloudEvent
from paywright.publishing.feed import events_after
from paywright.wiring import App


class EventPage(msgspec.Struct, frozen=True):
    """`next_cursor` is always there: ask with it again for what has happened since."""

    items: list[CloudEvent]
    next_cursor: str | None


@get("/events", opt={"permission": Permission.READ_EVENTS})
async def get_events(
    app: App,
    cause: Cause,
    types: Annotated[
        str | None, Parameter(max_length=1000, description="PaymentCreated,PaymentFailed")
    ] = None,
    cursor: Annotated[str | None, Parameter(max_length=200)] = None,
    limit: Annotated[int, Parameter(ge=1, le=500)] = 100,
) -> EventPage:
    """Read the event log as CloudEvents 1.0, the oldest first, from any point.

    Each change of anything is in it: PaymentCreated, PaymentApproved, PaymentRejected,
    PaymentCompleted, PaymentFailed and all others. Nothing is left out and nothing comes twice;
    `types` narrows it to some.
    """
    wanted = frozenset(it.strip() for it in (types or "").split(",") if it.strip())
    page = await events_after(app.db, cause, cursor=cursor, types=wanted, limit=limit)
    return EventPage(list(page.items), page.next_cursor)


ROUTES = [get_events]
