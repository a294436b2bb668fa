"""The rule set `approval-policies`: what its rules may ask about, and whom they ask for. Pure."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Annotated

import msgspec
from msgspec import Meta

from paywright.approvals.model import Requirement
from paywright.core.actor import Permission
from paywright.core.currencies import EXPONENT
from paywright.core.money import MINOR_MAX, Money
from paywright.identity.permissions import PERMISSIONS, Role
from paywright.rulesets.cel import Scalar
from paywright.rulesets.compile import RuleSet
from paywright.rulesets.schema import Schemas, TableSchema, Variable

RULE_SET = "approval-policies"
PAYMENT = "payment"
VENDOR_CHANGE = "vendor_change"

AT_LEAST_ONE = "builtin:at-least-one"
_APPROVERS_MAX = 10
# Nobody else could ever give the approval that a row asks for.
_ROLES = tuple(role.value for role in Role if Permission.APPROVE in PERMISSIONS[role])


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `then` of a row. `role`: `approver` is everybody who may approve, another only who has
    that very role. `reason` may have `{placeholders}`."""

    approvers: Annotated[int, Meta(ge=1, le=_APPROVERS_MAX)]
    reason: Annotated[str, Meta(min_length=1, max_length=500)]
    role: str = Role.APPROVER.value

    def __post_init__(self) -> None:
        if self.role not in _ROLES:
            raise ValueError(f"nobody of the role {self.role!r} may approve; {', '.join(_ROLES)}")


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Amounts in minor units."""

    large: Annotated[int, Meta(ge=0, le=MINOR_MAX)]


class Defaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits in whole units of a currency that has none of its own."""

    large: Annotated[int, Meta(ge=0, le=10**14)] = 5_000


class Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`data.payment` of the document. `limits`: by currency, in its minor units."""

    limits_default: Defaults = Defaults()
    limits: dict[str, Limits] = {}

    def __post_init__(self) -> None:
        for currency in self.limits:
            if currency not in EXPONENT:
                raise ValueError(f"unknown currency {currency}")

    def large_of(self, currency: str) -> int:
        """In minor units."""
        if (own := self.limits.get(currency)) is not None:
            return own.large
        return self.limits_default.large * 10 ** EXPONENT.get(currency, 0)


# The defaults describe an ordinary bill of a vendor who has been here for a while.
_PAYMENT: Mapping[str, Variable] = {
    "amount.minor": Variable(10_000),
    "amount.currency": Variable("EUR"),
    "payer_type": Variable("back_office"),
    "vendor.days_known": Variable(400),  # since the vendor was entered
    # Since its bank details were changed, or entered.
    "vendor.payout_days": Variable(400),
    "incident.named": Variable(True),
    "bill.numbered": Variable(True),
    "bill.lines": Variable(1),
    "bill.resembles_other": Variable(False),  # and was entered nevertheless, with a reason
}
_DERIVED: Mapping[str, Variable] = {"limits.large_minor": Variable(500_000)}
_CHANGE: Mapping[str, Variable] = {
    "vendor.days_known": Variable(400),
}


def derive(data: Data, facts: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """The limit of the currency, as a fact."""
    return {"limits.large_minor": data.large_of(str(facts["amount.currency"]))}


SCHEMAS: Schemas = {
    PAYMENT: TableSchema(
        variables={**_PAYMENT, **_DERIVED},
        then=Asked,
        template="reason",
        collects=True,
        data=Data,
        derive=derive,
    ),
    VENDOR_CHANGE: TableSchema(variables=_CHANGE, then=Asked, template="reason", collects=True),
}


def payment_facts(
    *,
    amount: Money,
    payer_type: str,
    vendor_days: int,
    payout_days: int,
    has_incident: bool,
    has_bill: bool,
    lines: int,
    resembles_other: bool,
) -> dict[str, Scalar]:
    """What the table `payment` asks about.

    vendor_days: whole days since the vendor was entered
    payout_days: whole days since its bank details changed; those of the vendor where they never
                 have
    has_bill:    whether the bill has a number
    """
    return {
        "amount.minor": amount.minor,
        "amount.currency": amount.currency,
        "payer_type": payer_type,
        "vendor.days_known": vendor_days,
        "vendor.payout_days": payout_days,
        "incident.named": has_incident,
        "bill.numbered": has_bill,
        "bill.lines": lines,
        "bill.resembles_other": resembles_other,
    }


def change_facts(*, vendor_days: int) -> dict[str, Scalar]:
    """What the table `vendor_change` asks about. vendor_days: as in `payment_facts`"""
    return {"vendor.days_known": vendor_days}


def requirements(
    rules: RuleSet, table: str, facts: Mapping[str, Scalar]
) -> tuple[Requirement, ...]:
    """Whom the policies ask for: every row that matches counts, and there is always one.

    Two things no rule set can change. Nothing goes without an approver. And a row that cannot be
    evaluated asks for an administrator: nobody knows whether it matches.
    """
    schema = SCHEMAS[table]
    if schema.derive is not None:
        facts = {**facts, **schema.derive(rules.data[table], facts)}
    asked = []
    for hit in rules.collect(table, facts):
        if hit.failure:
            reason = f"The rule could not be evaluated: {hit.failure}."
            asked.append(Requirement(Role.ADMIN.value, 1, hit.rule_id, reason))
        else:
            then: Asked = hit.then
            asked.append(Requirement(then.role, then.approvers, hit.rule_id, hit.reasoning))
    if not asked:
        reason = "Nothing goes without an approver."
        asked.append(Requirement(Role.APPROVER.value, 1, AT_LEAST_ONE, reason))
    return tuple(asked)


def default_source() -> str:
    """The rule set that comes with Paywright."""
    path = files("paywright.approvals") / "rules" / f"{RULE_SET}.yaml"
    return path.read_text(encoding="utf-8")
