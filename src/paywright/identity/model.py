"""API keys, users and their sessions."""

from datetime import datetime
from enum import StrEnum

import msgspec

from paywright.core.actor import Actor, Permission
from paywright.core.ids import KeyId, SessionId, UserId
from paywright.identity.permissions import PERMISSIONS, Role


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a key; its secret is not.

    scopes: what it may do of all that its role may; empty: all of it
    person: who stands behind it, so that two keys of one are not four eyes; None: itself
    """

    id: KeyId
    name: str
    role: Role
    created_by: str
    created_at: datetime
    scopes: frozenset[Permission] = frozenset()
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    person: str | None = None

    def valid_at(self, at: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)

    @property
    def permissions(self) -> frozenset[Permission]:
        return PERMISSIONS[self.role] & self.scopes if self.scopes else PERMISSIONS[self.role]


class UserStatus(StrEnum):
    ACTIVE = "active"
    DISABLED = "disabled"


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A person who signs in, in the clear: only ever in memory.

    failed_count: wrong passwords since the last right one
    locked_until: no password is right before that
    """

    id: UserId
    email: str
    name: str
    role: Role
    password_hash: str
    created_by: str
    created_at: datetime
    password_changed_at: datetime
    status: UserStatus = UserStatus.ACTIVE
    failed_count: int = 0
    locked_until: datetime | None = None

    def is_locked(self, at: datetime) -> bool:
        return self.locked_until is not None and at < self.locked_until

    def __repr__(self) -> str:  # neither address nor hash belongs into a log
        return f"User({self.id})"


class EndedWhy(StrEnum):
    """Why a session is over before its time."""

    SIGNED_OUT = "signed_out"
    ENDED_BY_ADMIN = "ended_by_admin"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    USER_DISABLED = "user_disabled"
    TOKEN_REUSED = "token_reused"  # noqa: S105


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One sign-in of a user: a family of refresh tokens, of which the newest is good."""

    id: SessionId
    user_id: UserId
    started_at: datetime
    refreshed_at: datetime
    expires_at: datetime
    ip: str | None = None
    ended_at: datetime | None = None

    def is_live(self, at: datetime) -> bool:
        return self.ended_at is None and at < self.expires_at


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """What a person is handed after signing in, or after a refresh. Only ever in memory."""

    session: Session
    access_token: str
    expires_in_s: int
    refresh_token: str

    def __repr__(self) -> str:
        return f"SignedIn({self.session.id})"


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """An actor that a credential stands for, and until when that may be believed.

    subjects: the ids whose revocation ends it: of the key, or of the session and of its user
    """

    actor: Actor
    subjects: tuple[str, ...] = ()
    valid_until: datetime | None = None


class SigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """The public half of a key that signs access tokens, as PEM.

    verifies_until: None for the one that signs; it verifies for ever
    """

    kid: str
    public_key: str
    created_at: datetime
    verifies_until: datetime | None = None

    def verifies_at(self, at: datetime) -> bool:
        return self.verifies_until is None or at < self.verifies_until
