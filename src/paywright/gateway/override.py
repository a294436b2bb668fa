"""Keep the circuit breaker of a provider open or closed by hand, and let go of it again."""

from collections.abc import Collection

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.errors import Invalid, NotFound
from paywright.db.pool import Database
from paywright.events import Event, emit
from paywright.gateway import breakers_store
from paywright.gateway.breaker import Breaker, State, force
from paywright.gateway.breakers import facts_of, lock_breakers

WHY_MAX = 500  # characters


class UnknownProvider(NotFound):
    """There is no provider of that name.

    Providers are those that this installation is set up with.
    """


class BreakerOverrideInvalid(Invalid):
    """The circuit breaker cannot be kept like that.

    It can be kept open or closed, with a reason of 1 to 500 characters, which remains in the log.
    """


async def set_breaker(
    db: Database,
    cause: Cause,
    *,
    provider: str,
    known: Collection[str],
    wanted: State | None,
    why: str,
) -> Breaker:
    """Keep it open or closed until None takes it back; then it goes on as closed. None for one
    that nobody keeps changes nothing.

    known: the providers that there are
    why:   at most 500 characters; needed to keep it, and remains in the log
    Raises PermissionMissing, UnknownProvider, BreakerOverrideInvalid.
    """
    cause.actor.require(Permission.MANAGE_PROVIDERS)
    if provider not in known:
        raise UnknownProvider(f"no provider {provider[:24]!r}")
    why = why.strip()
    if wanted is State.HALF_OPEN:
        raise BreakerOverrideInvalid.field("state", "can be kept open or closed")
    if len(why) > WHY_MAX or (wanted is not None and not why):
        raise BreakerOverrideInvalid.field("why", f"must have 1 to {WHY_MAX} characters")
    async with db.transaction() as tx:
        before = (await lock_breakers(tx, [provider], at=cause.at))[provider]
        after = force(before, wanted, by=cause.actor.id, why=why, at=cause.at)
        if after == before:
            return before
        await breakers_store.save(tx, after)
        verb = "released" if wanted is None else "forced"
        event = Event(
            f"provider.breaker_{verb}",
            provider,
            facts_of(after) | {"why": why},
            before=_standing(before),
            after=_standing(after),
        )
        await emit(tx, cause, event)
    return after


def _standing(it: Breaker) -> dict[str, str | None]:
    return {
        "state": it.state.value,
        "forced": None if it.forced is None else it.forced.value,
    }
