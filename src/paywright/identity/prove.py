"""Check a password, count what was wrong, and lock who is being guessed."""

from datetime import datetime, timedelta

import msgspec

from paywright.core.cause import Cause
from paywright.core.errors import TooMany, Unauthenticated
from paywright.db.pool import Database
from paywright.events import Event, emit
from paywright.identity import users_store
from paywright.identity.model import User, UserStatus
from paywright.identity.parts import Parts
from paywright.throttle.strict import take_strict

FAILURES_MAX = 10  # in a row; NIST SP 800-63B-4, 3.2.2, allows up to 100
_LOCK_FIRST = timedelta(minutes=15)
_LOCK_MAX = timedelta(hours=24)


class SignInRefused(Unauthenticated):
    """The e-mail address or the password is wrong.

    The answer is the same for an address that nobody has, for a user who is disabled, and while
    too many wrong passwords keep a user locked: 15 minutes after ten in a row, then longer.
    """


class TooManySignIns(TooMany):
    """Too many attempts to sign in.

    Wait for the seconds in `Retry-After`. The limit counts by address and by e-mail address,
    whether they are known or not.
    """


def lock_after(failed_count: int, at: datetime) -> datetime | None:
    """Until when a user is locked who has just failed for the nth time in a row; None: not."""
    times, rest = divmod(failed_count, FAILURES_MAX)
    if rest or not times:
        return None
    return at + min(_LOCK_MAX, _LOCK_FIRST * 2 ** min(times - 1, 10))


async def slow_down(db: Database, parts: Parts, cause: Cause, *, email: str) -> None:
    """Count an attempt, for all processes together. Raises TooManySignIns."""
    for name in (f"sign_in:ip:{cause.ip or ''}", f"sign_in:email:{email.strip().casefold()}"):
        allowance = await take_strict(
            db,
            name,
            limit=parts.sign_ins_max,
            window_s=parts.sign_ins_window_s,
            at=cause.at,
        )
        if allowance.retry_after_s > 0:
            retry = str(int(allowance.retry_after_s) + 1)
            detail = f"{parts.sign_ins_max} attempts in {parts.sign_ins_window_s:g} s"
            raise TooManySignIns(detail, headers={"Retry-After": retry})


async def prove(db: Database, parts: Parts, cause: Cause, *, email: str, password: str) -> User:
    """The active user whose address and password these are.

    The caller must compare `password_hash` again under the lock of the row: a password may be
    changed meanwhile. Raises SignInRefused, TooManySignIns, SignInBusy.
    """
    await slow_down(db, parts, cause, email=email)
    async with db.snapshot() as tx:
        user = await users_store.find_by_email(tx, parts.keys, email)
    # For nobody, too: neither answer nor time may tell whose addresses are known.
    is_right = await parts.passwords.verify(None if user is None else user.password_hash, password)
    proven = None
    if user is not None and is_right:
        proven = await _accept(db, parts, cause, user, password)
    else:
        await _count_failure(db, parts, cause, user)
    if proven is None:
        raise refused()
    return proven


def refused() -> SignInRefused:
    return SignInRefused("e-mail address or password is wrong")


async def _accept(
    db: Database, parts: Parts, cause: Cause, user: User, password: str
) -> User | None:
    """The password was right. None: it does not count, for the user is locked or disabled."""
    fresh = None
    if parts.passwords.needs_rehash(user.password_hash):
        fresh = await parts.passwords.hash(password)
    async with db.transaction() as tx:
        now = await users_store.lock(tx, parts.keys, user.id)
        if (
            now is None
            or now.status is not UserStatus.ACTIVE
            or now.is_locked(cause.at)
            or now.password_hash != user.password_hash
        ):
            await emit(tx, cause, Event("session.refused", str(user.id), {}))
            return None
        if now.failed_count:
            await users_store.save_attempts(tx, user.id, failed_count=0, locked_until=None)
        if fresh is not None:
            await users_store.save_hash(tx, user.id, fresh)
            now = msgspec.structs.replace(now, password_hash=fresh)
    return msgspec.structs.replace(now, failed_count=0, locked_until=None)


async def _count_failure(db: Database, parts: Parts, cause: Cause, user: User | None) -> None:
    async with db.transaction() as tx:
        now = None if user is None else await users_store.lock(tx, parts.keys, user.id)
        subject = "unknown" if now is None else str(now.id)
        await emit(tx, cause, Event("session.refused", subject, {}))
        # While locked nothing counts: else whoever guesses could keep the lock up for ever.
        if now is None or now.is_locked(cause.at):
            return
        failed = now.failed_count + 1
        until = lock_after(failed, cause.at)
        await users_store.save_attempts(tx, now.id, failed_count=failed, locked_until=until)
        if until is not None:
            facts = {"failed_count": failed, "locked_until": until}
            await emit(tx, cause, Event("user.locked", str(now.id), facts))
