"""All SQL over `sessions`, `refresh_tokens` and `signing_keys`."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from paywright.core.ids import SessionId, UserId
from paywright.crypto import KeyRing
from paywright.db.pool import Row, Tx
from paywright.identity.model import EndedWhy, Session, SigningKey, UserStatus
from paywright.identity.permissions import Role


class Holder(msgspec.Struct, frozen=True):
    """A session, and what its user may do right now."""

    session: Session
    role: Role
    status: UserStatus


class RefreshToken(msgspec.Struct, frozen=True):
    session_id: SessionId
    used_at: datetime | None


async def insert_session(tx: Tx, session: Session) -> None:
    await tx.execute(
        """
        insert into sessions (id, user_id, ip, started_at, refreshed_at, expires_at)
        values ($1, $2, $3::text::inet, $4, $5, $6)
        """,
        session.id,
        session.user_id,
        session.ip,
        session.started_at,
        session.refreshed_at,
        session.expires_at,
    )


async def holder_of(tx: Tx, session_id: SessionId) -> Holder | None:
    row = await tx.fetchrow(
        """
        select sessions.id, user_id, host(ip) as ip, started_at, refreshed_at, expires_at, ended_at,
               role, status
          from sessions
          join users on users.id = user_id
         where sessions.id = $1
        """,
        session_id,
    )
    if row is None:
        return None
    return Holder(_session(row), Role(row["role"]), UserStatus(row["status"]))


async def lock_session(tx: Tx, session_id: SessionId) -> Session | None:
    row = await tx.fetchrow(
        """
        select id, user_id, host(ip) as ip, started_at, refreshed_at, expires_at, ended_at
          from sessions
         where id = $1
           for no key update
        """,
        session_id,
    )
    return None if row is None else _session(row)


async def sessions_of(tx: Tx, user_id: UserId, *, at: datetime) -> list[Session]:
    """Those that are not over, newest first."""
    rows = await tx.fetch(
        """
        select id, user_id, host(ip) as ip, started_at, refreshed_at, expires_at, ended_at
          from sessions
         where user_id = $1 and ended_at is null and expires_at > $2
         order by id desc
        """,
        user_id,
        at,
    )
    return [_session(row) for row in rows]


async def set_refreshed(tx: Tx, session_id: SessionId, at: datetime) -> None:
    await tx.execute("update sessions set refreshed_at = $2 where id = $1", session_id, at)


async def end(tx: Tx, session_id: SessionId, *, at: datetime, why: EndedWhy) -> bool:
    """End a session; whether it was not over before."""
    status = await tx.execute(
        """
        update sessions
           set ended_at = $2, ended_why = $3
         where id = $1 and ended_at is null
        """,
        session_id,
        at,
        why,
    )
    return status.endswith(" 1")


async def end_all_of(
    tx: Tx, user_id: UserId, *, at: datetime, why: EndedWhy
) -> Sequence[SessionId]:
    """End what a user has; those that were not over before."""
    rows = await tx.fetch(
        """
        update sessions
           set ended_at = $2, ended_why = $3
         where user_id = $1 and ended_at is null and expires_at > $2
        returning id
        """,
        user_id,
        at,
        why,
    )
    return [SessionId.of(row["id"]) for row in rows]


async def forget_sessions(tx: Tx, *, before: datetime, limit: int) -> int:
    """Remove sessions that expired before a moment, and their tokens; how many there were."""
    status = await tx.execute(
        """
        delete from sessions
         where id in (select id from sessions where expires_at < $1 order by expires_at limit $2)
        """,
        before,
        limit,
    )
    return int(status.rpartition(" ")[2])


async def insert_token(
    tx: Tx, token_hash: bytes, session_id: SessionId, *, issued_at: datetime
) -> None:
    await tx.execute(
        "insert into refresh_tokens (token_hash, session_id, issued_at) values ($1, $2, $3)",
        token_hash,
        session_id,
        issued_at,
    )


async def find_token(tx: Tx, token_hash: bytes) -> RefreshToken | None:
    row = await tx.fetchrow(
        "select session_id, used_at from refresh_tokens where token_hash = $1", token_hash
    )
    if row is None:
        return None
    return RefreshToken(SessionId.of(row["session_id"]), row["used_at"])


async def set_used(tx: Tx, token_hash: bytes, at: datetime) -> None:
    await tx.execute("update refresh_tokens set used_at = $2 where token_hash = $1", token_hash, at)


async def insert_signing_key(tx: Tx, keys: KeyRing, key: SigningKey, private_key: str) -> bool:
    """Store a key that signs from now on; False when there is one that does."""
    status = await tx.execute(
        """
        insert into signing_keys (kid, public_key, private_key, created_at)
        values ($1, $2, $3, $4)
            on conflict ((true)) where verifies_until is null do nothing
        """,
        key.kid,
        key.public_key,
        keys.encrypt(private_key, context=f"signing_keys.private_key:{key.kid}"),
        key.created_at,
    )
    return status.endswith(" 1")


async def signer(tx: Tx, keys: KeyRing) -> tuple[str, str] | None:
    """The id and the private half, as PEM, of the key that signs."""
    row = await tx.fetchrow(
        "select kid, private_key from signing_keys where verifies_until is null"
    )
    if row is None:
        return None
    context = f"signing_keys.private_key:{row['kid']}"
    return row["kid"], keys.decrypt(row["private_key"], context=context)


async def verifying_key(tx: Tx, kid: str) -> SigningKey | None:
    row = await tx.fetchrow(
        "select kid, public_key, created_at, verifies_until from signing_keys where kid = $1", kid
    )
    return None if row is None else _signing_key(row)


async def verifying_keys(tx: Tx, *, at: datetime) -> list[SigningKey]:
    rows = await tx.fetch(
        """
        select kid, public_key, created_at, verifies_until
          from signing_keys
         where verifies_until is null or verifies_until > $1
         order by created_at desc
        """,
        at,
    )
    return [_signing_key(row) for row in rows]


async def retire_signer(tx: Tx, *, verifies_until: datetime) -> None:
    """The key that signs does so no more."""
    await tx.execute(
        "update signing_keys set verifies_until = $1 where verifies_until is null", verifies_until
    )


async def cut_short(tx: Tx, *, at: datetime) -> None:
    """No key but the one that signs verifies any more."""
    await tx.execute("update signing_keys set verifies_until = $1 where verifies_until > $1", at)


def _signing_key(row: Row) -> SigningKey:
    return SigningKey(
        kid=row["kid"],
        public_key=row["public_key"],
        created_at=row["created_at"],
        verifies_until=row["verifies_until"],
    )


def _session(row: Row) -> Session:
    return Session(
        id=SessionId.of(row["id"]),
        user_id=UserId.of(row["user_id"]),
        ip=row["ip"],
        started_at=row["started_at"],
        refreshed_at=row["refreshed_at"],
        expires_at=row["expires_at"],
        ended_at=row["ended_at"],
    )
