"""Who acts, and what it may do. Roles become permissions at sign-in, in `identity.permissions`."""

from enum import StrEnum

import msgspec

from paywright.core.errors import Forbidden


class Permission(StrEnum):
    """One thing that a caller may do. Every route names the one it needs."""

    READ_ISSUES = "issues:read"
    OPEN_ISSUES = "issues:create"
    REVIEW_ISSUES = "issues:review"
    READ_ANALYTICS = "analytics:read"
    READ_CUSTOMERS = "customers:read"
    WRITE_CUSTOMERS = "customers:write"
    READ_JOBS = "jobs:read"
    MANAGE_JOBS = "jobs:manage"
    READ_RULES = "rules:read"
    MANAGE_RULES = "rules:manage"
    READ_KEYS = "keys:read"
    MANAGE_KEYS = "keys:manage"
    READ_LEDGER = "ledger:read"
    MANAGE_ACCOUNTS = "accounts:manage"
    MOVE_MONEY = "transfers:create"
    READ_USERS = "users:read"
    MANAGE_USERS = "users:manage"
    MANAGE_SELF = "self:manage"  # one's own password, sign-ins and authenticator app
    READ_RISK = "risk:read"
    MANAGE_RISK = "risk:manage"  # exemptions, cleared matches
    SCREEN_NAMES = "screening:use"
    MANAGE_LISTS = "lists:manage"
    MANAGE_KYC = "kyc:manage"
    READ_MESSAGES = "messages:read"
    READ_PAYMENTS = "payments:read"
    CHARGE = "payments:charge"
    REFUND = "payments:refund"
    READ_PROVIDERS = "providers:read"
    MANAGE_PROVIDERS = "providers:manage"  # circuit breakers, reconciliations
    READ_VENDORS = "vendors:read"
    MANAGE_VENDORS = "vendors:manage"  # register them, ask for changes of where their money goes
    CREATE_PAYMENTS = "payments:create"  # vendor payments: enter, edit, cancel
    APPROVE = "payments:approve"
    MANAGE_RUNS = "runs:manage"  # payment runs, files for banks and what they answer
    READ_REPORTS = "reports:read"
    READ_EVENTS = "events:read"


class PermissionMissing(Forbidden):
    """The caller lacks a permission.

    Permissions come with the role of the user or of the API key; a key may be narrowed further
    by its scopes. Ask an administrator for a role that has the permission named in `permission`.
    """


class Actor(msgspec.Struct, frozen=True):
    """A person, an API key or the system itself.

    session_id: of a person who signed in here: what signing out ends
    role:       whose permissions they are, in the words of `identity.permissions`
    person_id:  who stands behind a credential, where that is another id: who made an API key
    """

    id: str
    permissions: frozenset[Permission]
    name: str = ""
    session_id: str | None = None
    role: str = ""
    person_id: str = ""

    @property
    def person(self) -> str:
        """Whose two eyes these are, whichever credential was shown."""
        return self.person_id or self.id

    def require(self, permission: Permission) -> None:
        """Raise PermissionMissing unless the actor holds `permission`."""
        if permission not in self.permissions:
            raise PermissionMissing(f"needs {permission}", permission=permission.value)


# Whoever has not said who they are.
ANONYMOUS = Actor(id="anonymous", permissions=frozenset())
SYSTEM = Actor(id="system", permissions=frozenset(Permission), name="Paywright")
