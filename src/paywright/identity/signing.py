"""The keys that sign access tokens: one signs, those before it verify until their tokens are
over."""

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.crypto import KeyRing
from paywright.db.pool import Database, Tx
from paywright.events import Event, emit
from paywright.identity import sessions_store, tokens
from paywright.identity.model import SigningKey
from paywright.identity.revoked import EVERYTHING, announce


async def signer(tx: Tx, keys: KeyRing, cause: Cause) -> tuple[str, str]:
    """The id and the private half of the key that signs; made when there is none yet."""
    found = await sessions_store.signer(tx, keys)
    if found is None:
        key, private_key = tokens.new_signing_key(at=cause.at)
        # Of two that are made at once the first counts; the second insert has waited for it.
        await sessions_store.insert_signing_key(tx, keys, key, private_key)
        found = await sessions_store.signer(tx, keys)
    if found is None:
        raise AssertionError("a key was stored, and there is none")
    return found


async def rotate_signing_key(
    db: Database, keys: KeyRing, cause: Cause, *, is_compromised: bool = False
) -> SigningKey:
    """Sign with a new key from now on.

    is_compromised: tokens of the old ones are refused at once, and have to be refreshed; else they
                    are good until they expire
    """
    cause.actor.require(Permission.MANAGE_KEYS)
    key, private_key = tokens.new_signing_key(at=cause.at)
    async with db.transaction() as tx:
        life = tokens.LIFE + tokens.LEEWAY
        await sessions_store.retire_signer(tx, verifies_until=cause.at + life)
        if is_compromised:
            await sessions_store.cut_short(tx, at=cause.at)
            await announce(tx, EVERYTHING)
        await sessions_store.insert_signing_key(tx, keys, key, private_key)
        facts = {"is_compromised": is_compromised}
        await emit(tx, cause, Event("key.signing_rotated", key.kid, facts))
    return key


async def published_keys(db: Database, cause: Cause) -> list[dict[str, str]]:
    """What others verify our tokens with, as JWKs. Public."""
    async with db.snapshot() as tx:
        keys = await sessions_store.verifying_keys(tx, at=cause.at)
    return [tokens.as_jwk(key) for key in keys]
