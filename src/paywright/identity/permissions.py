"""Which role may do what. A table, so that an auditor can read it."""

from enum import StrEnum

from paywright.core.actor import Permission


class Role(StrEnum):
    """From the least to the most powerful."""

    VIEWER = "viewer"
    DISPATCHER = "dispatcher"
    APPROVER = "approver"
    REVIEWER = "reviewer"
    OPERATOR = "operator"
    ADMIN = "admin"


_READ = frozenset(
    {
        Permission.READ_ISSUES,
        Permission.READ_ANALYTICS,
        Permission.READ_CUSTOMERS,
        Permission.READ_JOBS,
        Permission.READ_RULES,
        Permission.READ_LEDGER,
        Permission.MANAGE_SELF,
        Permission.READ_PAYMENTS,
        Permission.READ_PROVIDERS,
        Permission.READ_VENDORS,
        Permission.READ_REPORTS,
    }
)

PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: _READ,
    Role.DISPATCHER: _READ
    | {
        Permission.OPEN_ISSUES,
        Permission.WRITE_CUSTOMERS,
        Permission.MOVE_MONEY,
        Permission.CHARGE,
        Permission.CREATE_PAYMENTS,
    },
    Role.APPROVER: _READ | {Permission.READ_RISK, Permission.APPROVE, Permission.READ_EVENTS},
    Role.REVIEWER: _READ
    | {
        Permission.REVIEW_ISSUES,
        Permission.READ_RISK,
        Permission.SCREEN_NAMES,
        Permission.MANAGE_RISK,
    },
    Role.OPERATOR: _READ
    | {
        Permission.OPEN_ISSUES,
        Permission.WRITE_CUSTOMERS,
        Permission.MANAGE_JOBS,
        Permission.MOVE_MONEY,
        Permission.MANAGE_ACCOUNTS,
        Permission.READ_RISK,
        Permission.SCREEN_NAMES,
        Permission.MANAGE_KYC,
        Permission.CHARGE,
        Permission.REFUND,
        Permission.MANAGE_PROVIDERS,
        Permission.MANAGE_VENDORS,
        Permission.CREATE_PAYMENTS,
        Permission.MANAGE_RUNS,
        Permission.READ_EVENTS,
    },
    Role.ADMIN: frozenset(Permission),
}
