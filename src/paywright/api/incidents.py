"""Incidents over HTTP: what vendors are paid for."""

from datetime import datetime
from typing import Any

import msgspec
from litestar import Request, Response, get, put

from paywright.api.problems import InvalidRequest
from paywright.api.requests import Reference, read_body
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.incidents.model import Incident, IncidentStatus
from paywright.incidents.record import get_incident, record_incident
from paywright.wiring import App


class IncidentRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    status: IncidentStatus


class IncidentView(msgspec.Struct, frozen=True, kw_only=True):
    """`closed`: nothing new is paid for it."""

    id: str
    status: IncidentStatus
    opened_at: datetime
    closed_at: datetime | None
    updated_at: datetime

    @classmethod
    def of(cls, incident: Incident) -> "IncidentView":
        return cls(**msgspec.structs.asdict(incident))


@put(
    "/incidents/{incident_id:str}",
    status_code=200,
    opt={"permission": Permission.CREATE_PAYMENTS, "body": IncidentRequest, "also": (201,)},
)
async def put_incident(
    request: Request[Any, Any, Any], app: App, cause: Cause, incident_id: str
) -> Response[IncidentView]:
    """Tell that an incident is open, or closed. Safe to repeat.

    One that nobody has told of is open from the first payment for it.
    """
    body: IncidentRequest = await read_body(request, IncidentRequest)
    reference = _reference(incident_id)
    incident, new = await record_incident(app.db, cause, incident_id=reference, status=body.status)
    return Response(IncidentView.of(incident), status_code=201 if new else 200)


@get("/incidents/{incident_id:str}", opt={"permission": Permission.READ_PAYMENTS})
async def get_one_incident(app: App, cause: Cause, incident_id: str) -> IncidentView:
    """One incident."""
    found = await get_incident(app.db, cause, incident_id=_reference(incident_id))
    return IncidentView.of(found)


def _reference(incident_id: str) -> str:
    try:
        return msgspec.convert(incident_id, Reference)
    except msgspec.ValidationError as error:
        raise InvalidRequest.field("incident_id", str(error)) from None


ROUTES = [put_incident, get_one_incident]
