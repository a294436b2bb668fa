"""Claim idempotency keys, a list at a time, together with the answers they will be given.

Source: IETF draft-ietf-httpapi-idempotency-key-header-07. Answers of requests that
changed something are stored; a refusal is not, so that a corrected request may use the key. A
key that another transaction is claiming is waited for, rather than answered with 409.
"""

from collections.abc import Sequence
from datetime import datetime

from paywright.core.errors import Invalid
from paywright.db.pool import Tx
from paywright.idempotency import store
from paywright.idempotency.model import FIELD_BYTES, WHOLE_BYTES, Answer, Claim


class KeyReused(Invalid):
    """The idempotency key was used before, for another request.

    A key stands for one request for as long as it is kept. `fields` names what differs from the
    first request; nothing was changed. Use a new key for a new request.
    """


async def claim(
    tx: Tx, claims: Sequence[Claim], *, at: datetime
) -> list[Answer | KeyReused | None]:
    """For each claim: None when the key is now ours, else the answer it was given before.

    A key that stands twice in the list belongs to its first element. A concurrent transaction
    that holds one of the keys is waited for.
    """
    first: dict[tuple[str, str], int] = {}
    for index, item in enumerate(claims):
        first.setdefault((item.scope, item.key), index)
    unique = [claims[index] for index in first.values()]
    claimed = await store.insert(tx, unique, at=at)
    taken = [item for item in unique if (item.scope, item.key) not in claimed]
    found = await store.select(tx, taken) if taken else {}
    outcomes: list[Answer | KeyReused | None] = []
    for index, item in enumerate(claims):
        name = (item.scope, item.key)
        if name in claimed and first[name] == index:
            outcomes.append(None)
            continue
        earlier = claims[first[name]]
        fingerprint, answer = found.get(name) or (earlier.fingerprint, earlier.answer)
        if answer is None:
            raise AssertionError("a claim without an answer")
        outcomes.append(_compare(item, fingerprint, answer))
    return outcomes


async def recall(tx: Tx, claims: Sequence[Claim]) -> list[Answer | KeyReused | None]:
    """For each claim: the answer that its key was given, None when it is free.

    For use-cases that know their answer only after the effect: they recall, act, and then
    `claim_fresh`.
    """
    found = await store.select(tx, claims)
    outcomes: list[Answer | KeyReused | None] = []
    for item in claims:
        stored = found.get((item.scope, item.key))
        outcomes.append(None if stored is None else _compare(item, *stored))
    return outcomes


async def claim_fresh(tx: Tx, claims: Sequence[Claim], *, at: datetime) -> None:
    """Store answers under keys that `recall` found free.

    Raises a duplicate (`db.pool.is_duplicate`) when somebody else was faster: the transaction is
    lost, and is to be run again from the recall.
    """
    await store.insert_fresh(tx, claims, at=at)


async def amend(tx: Tx, claims: Sequence[Claim]) -> None:
    """Give keys that are on file another answer: what was waiting has come to its end."""
    await store.update(tx, claims)


async def release(tx: Tx, scope: str, keys: Sequence[str]) -> list[Answer]:
    """Forget keys, so that they can be used anew; the answers that they had."""
    return await store.delete(tx, scope, keys)


def _compare(item: Claim, stored: bytes, answer: Answer) -> Answer | KeyReused:
    if stored == item.fingerprint:
        return answer
    differing = [
        field
        for i, field in enumerate(item.fields)
        if _part(stored, i) != _part(item.fingerprint, i)
    ]
    return KeyReused(f"differs in {', '.join(differing) or 'its fields'}", fields=differing)


def _part(whole: bytes, index: int) -> bytes:
    start = WHOLE_BYTES + index * FIELD_BYTES
    return whole[start : start + FIELD_BYTES]
