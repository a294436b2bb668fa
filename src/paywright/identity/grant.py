"""Nobody hands out what they do not have."""

from paywright.core.actor import Actor, Permission
from paywright.core.errors import Forbidden, Invalid
from paywright.identity.permissions import PERMISSIONS, Role


class RoleTooPowerful(Forbidden):
    """The role may do what you may not.

    Nobody makes a user or an API key, changes a user or sets a password of one, whose role has
    permissions that they lack themselves. `missing` lists these.
    """


class ScopesTooWide(Invalid):
    """The scopes are not among the permissions of the role."""


def check_may_grant(actor: Actor, role: Role) -> None:
    """Raises RoleTooPowerful."""
    missing = PERMISSIONS[role] - actor.permissions
    if missing:
        raise RoleTooPowerful(f"the role {role} may do more than you", missing=sorted(missing))


def check_scopes(role: Role, scopes: frozenset[Permission]) -> None:
    """Raises ScopesTooWide, naming them."""
    beyond = scopes - PERMISSIONS[role]
    if beyond:
        names = ", ".join(sorted(beyond))
        raise ScopesTooWide.field("scopes", f"the role {role} has no {names}")
