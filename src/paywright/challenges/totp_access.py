"""Whose authenticator app somebody may set up or take away."""

from paywright.challenges.model import Subject
from paywright.core.actor import Actor, Permission
from paywright.core.errors import Conflict, Forbidden, NotFound
from paywright.core.ids import UserId


class NotAPerson(Forbidden):
    """Only people who sign in here have an authenticator app.

    An API key has none, and neither has somebody whose account is kept elsewhere.
    """


class OwnAppOnly(Forbidden):
    """Everybody sets up their own authenticator app."""


class OwnReset(Forbidden):
    """Nobody resets their own authenticator app.

    Take it away with one of its codes, or ask another administrator.
    """


class TotpEnrolled(Conflict):
    """There is an authenticator app already.

    Send one of its codes as `code` to put another one in its place, or ask an administrator to
    reset it.
    """


class TotpNotEnrolled(NotFound):
    """There is no authenticator app."""


class NothingToConfirm(Conflict):
    """No authenticator app waits for its first code.

    Start again with a new secret: one that is not confirmed within 15 minutes is forgotten.
    """


def person(actor: Actor) -> Subject:
    """Who is calling. Raises NotAPerson."""
    try:
        return Subject("user", str(UserId.parse(actor.id)))
    except ValueError:
        raise NotAPerson from None


def check_access(actor: Actor, subject: Subject) -> None:
    """Operators act for customers, and everybody for themselves. Raises PermissionMissing and
    OwnAppOnly."""
    if subject.kind == "customer":
        actor.require(Permission.MANAGE_KYC)
        return
    actor.require(Permission.MANAGE_SELF)
    if actor.id != subject.id:
        raise OwnAppOnly


def check_reset(actor: Actor, subject: Subject) -> None:
    """Whether somebody may take an app away without a code of it. Raises PermissionMissing and
    OwnReset: a stolen session must not get rid of the second factor."""
    actor.require(Permission.MANAGE_USERS)
    if actor.id == subject.id:
        raise OwnReset
