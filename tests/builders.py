"""Valid values with everything optional: a test names only what it is about."""

from datetime import UTC, datetime
from typing import Any

from paywright.core.actor import SYSTEM, Actor, Permission
from paywright.core.cause import Cause
from paywright.core.money import Money
from paywright.identity.permissions import PERMISSIONS, Role

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
TEST_KEY = "0123456789abcdeffedcba98765432100f1e2d3c4b5a69788796a5b4c3d2e1f0"


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def a_cause(role: Role | None = None, **changes: Any) -> Cause:
    """The system's, or that of somebody with a role."""
    actor = SYSTEM if role is None else Actor(f"key_of_{role}", PERMISSIONS[role], role=role)
    return Cause(**{"actor": actor, "at": NOON, "request_id": "req_test"} | changes)


def an_actor(*permissions: Permission) -> Actor:
    return Actor("key_test", frozenset(permissions))


def a_decline(**changes: Any) -> dict[str, Any]:
    """The body of a request that opens an issue."""
    body = {
        "type": "decline",
        "customer_id": "cust_042",
        "transaction_id": "txn_5521",
        "details": {"error_code": "insufficient_funds", "auto_retry_count": 1},
    }
    return body | changes


def a_dispute(**changes: Any) -> dict[str, Any]:
    """One that the default rules always hand to a person."""
    body = {
        "type": "dispute",
        "customer_id": "cust_217",
        "transaction_id": "txn_6103",
        "details": {"reason": "unauthorized", "days_since_purchase": 19},
    }
    return body | changes
