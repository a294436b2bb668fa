"""Read how the providers are doing, and what they were asked."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.page import BadCursor, Page, decode_cursor, page_of
from paywright.db.pool import Database
from paywright.gateway import attempts_store, breakers_store
from paywright.gateway.attempts_store import AttemptRow, Tally
from paywright.gateway.figures import Standing, Window
from paywright.gateway.model import Provider
from paywright.gateway.override import UnknownProvider


async def provider_status(
    db: Database,
    cause: Cause,
    *,
    providers: Mapping[str, Provider],
    window: timedelta,
    only: str | None = None,
) -> list[Standing]:
    """Each provider that is set up, in their order; or one. Raises UnknownProvider."""
    cause.actor.require(Permission.READ_PROVIDERS)
    if only is not None and only not in providers:
        raise UnknownProvider(f"no provider {only[:24]!r}")
    async with db.snapshot() as tx:
        breakers = await breakers_store.read(tx, list(providers))
        tallies = await attempts_store.tallies(tx, since=cause.at - window)
    return [
        Standing(
            name=name,
            handles=sorted(it.handles),
            breaker=breakers.get(name),
            window=_window(tallies.get(name), window),
        )
        for name, it in providers.items()
        if only in (None, name)
    ]


def _window(tally: Tally | None, window: timedelta) -> Window:
    return Window(
        seconds=round(window.total_seconds()),
        outcomes={} if tally is None else tally.outcomes,
        lost={} if tally is None else tally.lost,
        median_ms=None if tally is None else tally.median_ms,
        p95_ms=None if tally is None else tally.p95_ms,
    )


async def list_attempts(
    db: Database,
    cause: Cause,
    *,
    provider: str,
    providers: Mapping[str, Provider],
    cursor: str | None,
    limit: int,
) -> Page[AttemptRow]:
    """What one provider was asked, the newest first. Raises UnknownProvider, BadCursor."""
    cause.actor.require(Permission.READ_PROVIDERS)
    if provider not in providers:
        raise UnknownProvider(f"no provider {provider[:24]!r}")
    before = None if cursor is None else _place_of(cursor)
    async with db.snapshot() as tx:
        rows: Sequence[AttemptRow] = await attempts_store.recent(
            tx, provider, before=before, limit=limit + 1
        )
    return page_of(rows, limit=limit, position=_position)


def _position(it: AttemptRow) -> str:
    return f"{it.started_at.isoformat()} {it.operation_id.hex} {it.seq}"


def _place_of(cursor: str) -> tuple[datetime, UUID, int]:
    parts = decode_cursor(cursor).split(" ")
    try:
        started_at, operation_id, seq = parts
        at, number = datetime.fromisoformat(started_at), int(seq)
        if at.tzinfo is None or not 0 <= number < 2**15:
            raise BadCursor.field("cursor", "not a cursor of this list")
        return at, UUID(hex=operation_id), number
    except ValueError:
        raise BadCursor.field("cursor", "not a cursor of this list") from None
