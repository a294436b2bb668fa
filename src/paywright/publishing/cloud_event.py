"""An event of the log as a CloudEvent. Pure.

Source: CloudEvents 1.0.2, JSON event format; the extension `sequence` of its documented extensions.
"""

import msgspec

from paywright.events.model import Logged

_SOURCE = "/paywright"


class EventData(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """facts: of the event; before, after: the fields that changed, where it is a change"""

    actor: str
    request_id: str
    facts: msgspec.Raw
    before: msgspec.Raw | None = None
    after: msgspec.Raw | None = None


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """type: `PaymentCreated`; subject: the id of what it is about; sequence: its place in the log,
    which sorts as text, too"""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: str
    datacontenttype: str
    sequence: str
    data: EventData


def cloud_event(it: Logged) -> CloudEvent:
    return CloudEvent(
        specversion="1.0",
        id=str(it.id),
        source=_SOURCE,
        type=public_type(it.type),
        subject=it.subject,
        time=it.at.isoformat().replace("+00:00", "Z"),
        datacontenttype="application/json",
        sequence=f"{it.sequence:020d}",
        data=EventData(
            actor=it.actor,
            request_id=it.request_id,
            facts=msgspec.Raw(it.data.encode()),
            before=None if it.before is None else msgspec.Raw(it.before.encode()),
            after=None if it.after is None else msgspec.Raw(it.after.encode()),
        ),
    )


def public_type(name: str) -> str:
    """`payment.created` is PaymentCreated."""
    return "".join(part.capitalize() for part in name.replace(".", "_").split("_"))
