"""Breakers of providers, which all processes share: locked, saved, and told of."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from paywright.core.cause import Cause
from paywright.db.pool import Tx
from paywright.events import Event, emit
from paywright.gateway import breakers_store
from paywright.gateway.breaker import Breaker, State, fresh

_TOLD = {
    State.OPEN: "provider.breaker_opened",
    State.HALF_OPEN: "provider.breaker_half_open",
    State.CLOSED: "provider.breaker_closed",
}


async def lock_breakers(tx: Tx, providers: Sequence[str], *, at: datetime) -> dict[str, Breaker]:
    """One for each, made if need be, which nobody else changes now. `providers`: in order."""
    if not providers:
        return {}
    found = await breakers_store.lock(tx, providers)
    if missing := [fresh(name, at) for name in providers if name not in found]:
        await breakers_store.insert_missing(tx, missing)
        # Somebody else may have made them first, and counted.
        found |= await breakers_store.lock(tx, [it.provider for it in missing])
    return {name: found[name] for name in providers}


async def save_breakers(tx: Tx, cause: Cause, changes: Sequence[tuple[Breaker, Breaker]]) -> None:
    """Save breakers that changed, and tell of those that opened or closed."""
    changed = [(before, after) for before, after in changes if after != before]
    for _, after in changed:
        await breakers_store.save(tx, after)
    await emit(
        tx,
        cause,
        *(
            Event(
                _TOLD[after.state],
                after.provider,
                facts_of(after),
                before={"state": before.state.value},
                after={"state": after.state.value},
            )
            for before, after in changed
            if after.generation != before.generation
        ),
    )


def facts_of(it: Breaker) -> dict[str, object]:
    """What events say about a breaker."""
    return {
        "state": it.state.value,
        "failures_in_a_row": it.failures_in_a_row,
        "calls": sum(it.calls),
        "failures": sum(it.failures),
        "openings": it.openings,
        "open_until": msgspec.to_builtins(it.open_until),
    }
