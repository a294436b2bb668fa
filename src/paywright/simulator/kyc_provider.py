"""The API of the KYC provider: checks, each once for its idempotency key."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.datastructures import State
from msgspec import Meta

from paywright.simulator.books import Books, Check
from paywright.simulator.requests import (
    AnyRequest,
    Refused,
    check_same,
    check_token,
    idempotency_key,
    is_declined,
    read_body,
)
from paywright.simulator.verdicts import judge_customer


class CheckRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    customer_reference: Annotated[str, Meta(min_length=1, max_length=64)]
    name: Annotated[str, Meta(max_length=1000)]
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$")] | None = None
    birth_date: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = None


@post("/checks", status_code=201)
async def post_check(request: AnyRequest, state: State) -> Response[dict[str, Any]]:
    """Begin a check. The same key and the same body get the check that was begun then."""
    check_token(request, state.token)
    key = idempotency_key(request)
    body, fingerprint = await read_body(request, CheckRequest)
    if not body.name.strip():
        raise Refused(422, "name_missing", "nobody can be checked without a name")
    books: Books = state.books
    at: datetime = state.clock()
    known = books.check_of(key)
    if known is not None:
        check_same(known.fingerprint, fingerprint)
        return Response(_view(known, known.created_at), headers={"Idempotency-Replayed": "true"})
    verdict = judge_customer(
        name=body.name,
        decide_after=timedelta(milliseconds=state.faults.sides["kyc"].faults.decide_after_ms),
        is_declined=is_declined(request),
    )
    check = Check(
        id=books.next_check_id(),
        idempotency_key=key,
        fingerprint=fingerprint,
        customer_reference=body.customer_reference,
        name=body.name,
        country=body.country,
        birth_date=body.birth_date,
        outcome=verdict.status,
        reason=verdict.reason,
        created_at=at,
        final_at=None if verdict.after is None else at + verdict.after,
    )
    books.add(check)
    return Response(_view(check, at))


@get("/checks/{check_id:str}")
async def get_check(request: AnyRequest, state: State, check_id: str) -> dict[str, Any]:
    """A check, as it stands now."""
    check_token(request, state.token)
    check = state.books.checks.get(check_id)
    if check is None:
        raise Refused(404, "check_not_found", "there is no such check")
    return _view(check, state.clock())


def _view(check: Check, at: datetime) -> dict[str, Any]:
    status = check.status(at)
    return {
        "id": check.id,
        "customer_reference": check.customer_reference,
        "status": status,
        "reason": check.reason if status == "rejected" else None,
        "created_at": check.created_at,
    }


ROUTES = [post_check, get_check]
