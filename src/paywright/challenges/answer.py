"""Answer challenges: load them for a batch, try the codes, save what came of it.

All in one transaction. Trying is pure (`try_code`); a wrong code is saved although nothing else
happens for its payment, and a right one is used up together with the money that it moves.
"""

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from paywright.challenges import store, strikes_store, totp_store
from paywright.challenges.model import Method
from paywright.challenges.rules import Held, try_code
from paywright.challenges.store import Ending
from paywright.core.cause import Cause
from paywright.db.pool import Tx
from paywright.events.emit import emit_all

__all__ = ["Held", "load_for_answer", "save_answers", "try_code"]


async def load_for_answer(tx: Tx, payment_ids: Sequence[UUID]) -> dict[UUID, Held]:
    """The newest challenge of each payment that has one, locked, with all that counts for it.

    Locks challenges in the order of their ids, then subjects, then authenticator apps: everybody
    who answers stands in the same line.
    """
    if not payment_ids:
        return {}
    found = await store.lock_newest(tx, payment_ids)
    asked = [it.challenge for it in found]
    strikes = await strikes_store.lock(tx, [it.subject for it in asked]) if asked else {}
    with_app = [it.subject for it in asked if it.method is Method.TOTP]
    enrolments = await totp_store.lock(tx, with_app) if with_app else {}
    return {
        it.challenge.payment_id: Held(
            id=it.challenge.id,
            payment_id=it.challenge.payment_id,
            subject=it.challenge.subject,
            method=it.challenge.method,
            status=it.challenge.status,
            binding=it.binding,
            code_hash=it.code_hash,
            expires_at=it.challenge.expires_at,
            tries_left=it.challenge.tries_left,
            strikes=strikes[it.challenge.subject],
            enrolment=enrolments.get(it.challenge.subject),
            told=[],
        )
        for it in found
    }


async def save_answers(
    tx: Tx, cause_of: Callable[[UUID], Cause], held: Mapping[UUID, Held]
) -> None:
    """Save what trying has changed, and emit it.

    cause_of: who has answered for this payment (its uuid). Asked only where something has happened
    """
    tried = [it for it in held.values() if it.told]
    if not tried:
        return
    await store.save(tx, [Ending(it.id, it.status, it.tries_left, it.closed_at) for it in tried])
    await strikes_store.save(tx, {it.subject: it.strikes for it in tried})
    apps = {it.subject: it.enrolment for it in tried if it.enrolment is not None}
    if used := [it for it in apps.values() if it.changed]:
        await totp_store.save_steps(tx, used)
    await emit_all(tx, [(cause_of(it.payment_id), event) for it in tried for event in it.told])
