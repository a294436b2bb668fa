"""Screening over HTTP: search the lists, compare names, look at matches and clear them."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.params import Parameter
from msgspec import Meta

from paywright.api.problems import InvalidRequest
from paywright.api.requests import END, NO_NUL, CustomerRef, Text, read_body
from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.screening.clear import clear_match
from paywright.screening.compare import compare
from paywright.screening.model import EntryKind, Match, Query
from paywright.screening.records import Found, Record, ScreeningStatus, Standing
from paywright.screening.views import (
    Lists,
    Proof,
    list_hits,
    list_lists,
    screening_of,
)
from paywright.wiring import App

# Names are never cut: they may be as long as they are.
AnyName = Annotated[str, Meta(min_length=1, max_length=10_000, pattern=NO_NUL)]
BirthDate = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?" + END,
        description="`1957`, `1957-10` or `1957-10-07`.",
    ),
]
CountryCode = Annotated[str, Meta(pattern=r"^[A-Za-z]{2}" + END, description="ISO 3166-1 alpha-2.")]
Score = Annotated[float, Meta(ge=0, le=1)]
# What one request may ask for is bounded by letters, too: time goes by them.
_LETTERS_MAX = 200_000


class SearchRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Either `name` or `names`; the other fields hold for all of them."""

    name: AnyName | None = None
    names: Annotated[list[AnyName], Meta(min_length=1, max_length=1000)] | None = None
    birth_date: BirthDate | None = None
    countries: Annotated[list[CountryCode], Meta(max_length=20)] = []
    kind: EntryKind = EntryKind.UNKNOWN
    threshold: Score | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 10


class MatchView(msgspec.Struct, frozen=True, kw_only=True):
    """`score`: 0 to 1. `why`: what raised it and what lowered it."""

    list: str
    id: str
    name: str
    matched_name: str
    score: float
    why: Sequence[str]
    programs: Sequence[str]

    @classmethod
    def of(cls, match: Match) -> "MatchView":
        return cls(
            list=match.list,
            id=match.entry_id,
            name=match.name,
            matched_name=match.matched_name,
            score=round(match.score, 4),
            why=match.why,
            programs=match.programs,
        )


class Searched(msgspec.Struct, frozen=True):
    name: str
    matches: Sequence[MatchView]


class SearchResult(msgspec.Struct, frozen=True, kw_only=True):
    """One item a name, in order. `lists`: the versions that were searched, by name."""

    generation: int
    lists: Mapping[str, str]
    threshold: float
    items: Sequence[Searched]


class CompareRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    a: AnyName
    b: AnyName
    kind: EntryKind = EntryKind.UNKNOWN


class Compared(msgspec.Struct, frozen=True):
    score: float
    why: Sequence[str]


class StandingView(msgspec.Struct, frozen=True, kw_only=True):
    """`hit`: there are matches that nobody has cleared. `generation`: of the lists."""

    customer_id: str
    status: ScreeningStatus
    generation: int
    hit_id: str | None
    matches: Sequence[Found]
    screened_at: datetime

    @classmethod
    def of(cls, record: Record) -> "StandingView":
        return cls(
            customer_id=record.customer_id,
            status=record.status,
            generation=record.generation,
            hit_id=None if record.hit_id is None else str(record.hit_id),
            matches=record.matches,
            screened_at=record.at,
        )


class HitPage(msgspec.Struct, frozen=True):
    items: Sequence[StandingView]
    next_cursor: str | None


class EvidenceView(msgspec.Struct, frozen=True, kw_only=True):
    """What was found at one moment. `why`: for each match, in order."""

    id: str
    generation: int
    lists: Mapping[str, str]
    name: str
    matches: Sequence[Found]
    why: Sequence[Sequence[str]]
    found_at: datetime

    @classmethod
    def of(cls, proof: Proof) -> "EvidenceView":
        return cls(
            id=str(proof.id),
            generation=proof.generation,
            lists=proof.lists,
            name=proof.name,
            matches=proof.matches,
            why=proof.why,
            found_at=proof.at,
        )


class CustomerScreening(msgspec.Struct, frozen=True):
    standing: StandingView
    evidence: Sequence[EvidenceView]


class ClearanceRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    customer_id: CustomerRef
    list: Text
    entry_id: Text
    reason: Annotated[str, Meta(min_length=1, max_length=2000, pattern=NO_NUL)]


class Clearance(msgspec.Struct, frozen=True, kw_only=True):
    """How the customer stands now."""

    customer_id: str
    status: ScreeningStatus
    generation: int

    @classmethod
    def of(cls, standing: Standing) -> "Clearance":
        return cls(**{name: getattr(standing, name) for name in cls.__struct_fields__})


@post(
    "/screening/search",
    status_code=200,
    opt={"permission": Permission.SCREEN_NAMES, "body": SearchRequest},
)
async def search(request: Request[Any, Any, Any], app: App, cause: Cause) -> SearchResult:
    """Search the sanctions lists for a name, or for up to 1,000. Nothing is kept."""
    body: SearchRequest = await read_body(request, SearchRequest)
    cause.actor.require(Permission.SCREEN_NAMES)
    if (body.name is None) == (body.names is None):
        raise InvalidRequest.field("name", "say either name or names")
    names = body.names or [body.name or ""]
    if sum(map(len, names)) > _LETTERS_MAX:
        raise InvalidRequest.field("names", f"more than {_LETTERS_MAX} characters in all")
    queries = [
        Query(
            name=name,
            kind=body.kind,
            birth_date=body.birth_date,
            countries=[code.lower() for code in body.countries],
        )
        for name in names
    ]
    lists, found = await app.screener.search(
        app.db, queries, threshold=body.threshold, limit=body.limit
    )
    least = lists.threshold if body.threshold is None else body.threshold
    items = [
        Searched(name, [MatchView.of(match) for match in matches])
        for name, matches in zip(names, found, strict=True)
    ]
    return SearchResult(
        generation=lists.generation, lists=lists.lists, threshold=least, items=items
    )


@post(
    "/screening/compare",
    status_code=200,
    opt={"permission": Permission.SCREEN_NAMES, "body": CompareRequest},
)
async def compare_names(request: Request[Any, Any, Any], cause: Cause) -> Compared:
    """How alike two names are, 0 to 1."""
    body: CompareRequest = await read_body(request, CompareRequest)
    cause.actor.require(Permission.SCREEN_NAMES)
    compared = await asyncio.to_thread(compare, body.a, body.b, kind=body.kind)
    return Compared(round(compared.score, 4), compared.why)


@get("/screening/lists", opt={"permission": Permission.SCREEN_NAMES})
async def get_lists(app: App, cause: Cause) -> Lists:
    """The sanctions lists in force. `generation` counts the changes of any of them."""
    return await list_lists(app.db, cause)


@get("/screening/hits", opt={"permission": Permission.READ_RISK})
async def get_hits(
    app: App,
    cause: Cause,
    cursor: Annotated[str | None, Parameter(max_length=200)] = None,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 50,
) -> HitPage:
    """Customers with matches that nobody has cleared, the latest first."""
    page = await list_hits(app.db, cause, cursor=cursor, limit=limit)
    return HitPage([StandingView.of(record) for record in page.items], page.next_cursor)


@post(
    "/screening/clearances",
    status_code=201,
    opt={"permission": Permission.MANAGE_RISK, "body": ClearanceRequest},
)
async def post_clearance(request: Request[Any, Any, Any], app: App, cause: Cause) -> Clearance:
    """Find that a match is somebody else. It comes back when the entry or the name changes."""
    body: ClearanceRequest = await read_body(request, ClearanceRequest)
    standing = await clear_match(
        app.db,
        cause,
        customer_id=body.customer_id,
        list=body.list,
        entry_id=body.entry_id,
        reason=body.reason,
    )
    return Clearance.of(standing)


@get("/customers/{customer_id:str}/screening", opt={"permission": Permission.READ_RISK})
async def get_customer_screening(app: App, cause: Cause, customer_id: str) -> CustomerScreening:
    """How a customer stands, and the evidence, the newest first."""
    try:
        reference = msgspec.convert(customer_id, CustomerRef)
    except msgspec.ValidationError as error:
        raise InvalidRequest.field("customer_id", str(error)) from None
    screened = await screening_of(app.db, app.keys, cause, customer_id=reference)
    return CustomerScreening(
        StandingView.of(screened.record), [EvidenceView.of(proof) for proof in screened.evidence]
    )


ROUTES = [search, compare_names, get_lists, get_hits, post_clearance, get_customer_screening]
