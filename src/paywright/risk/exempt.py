"""Let a rule not count for a customer's payments, for a while."""

from datetime import datetime, timedelta

import msgspec

from paywright.core.actor import Permission
from paywright.core.cause import Cause
from paywright.core.currencies import EXPONENT
from paywright.core.errors import Invalid
from paywright.core.ids import ExemptionId
from paywright.core.money import MINOR_MAX
from paywright.customers import store as customers
from paywright.customers.model import UnknownCustomer
from paywright.db.pool import Database
from paywright.events import Event, emit
from paywright.risk import exemptions_store
from paywright.risk.model import Exemption

LONGEST = timedelta(days=90)


class ExemptionInvalid(Invalid):
    """The exemption makes no sense, or goes too far.

    An exemption has a reason, ends within 90 days, and has an amount with its currency or neither.
    What sanctions lists say cannot be exempted: a match that is somebody else is cleared where it
    is reviewed.
    """


async def grant_exemption(
    db: Database,
    cause: Cause,
    *,
    customer_id: str,
    reason: str,
    expires_at: datetime,
    rule_id: str | None = None,
    payee: str | None = None,
    currency: str | None = None,
    amount_max_minor: int | None = None,
) -> Exemption:
    """From now until `expires_at`, `rule_id` (None: every rule) does not count for payments of
    this customer, to this payee and up to this amount if any are given.

    Raises PermissionMissing, ExemptionInvalid, UnknownCustomer.
    """
    cause.actor.require(Permission.MANAGE_RISK)
    exemption = Exemption(
        id=ExemptionId.new(cause.at),
        customer_id=customer_id,
        rule_id=rule_id,
        payee=payee,
        currency=currency,
        amount_max_minor=amount_max_minor,
        reason=reason.strip(),
        granted_by=cause.actor.id,
        granted_at=cause.at,
        expires_at=expires_at,
    )
    check_exemption(exemption)
    async with db.transaction() as tx:
        if customer_id not in await customers.known(tx, [customer_id]):
            raise UnknownCustomer.field("customer_id", "is not on file")
        await exemptions_store.insert(tx, exemption)
        facts = {
            "customer_id": customer_id,
            "rule_id": rule_id,
            "payee": payee,
            "currency": currency,
            "amount_max_minor": amount_max_minor,
            "expires_at": msgspec.to_builtins(expires_at),
        }
        await emit(tx, cause, Event("risk.exempted", str(exemption.id), facts))
    return exemption


def check_exemption(it: Exemption) -> None:
    """Raises ExemptionInvalid."""
    if not 1 <= len(it.reason) <= 500:
        raise ExemptionInvalid.field("reason", "must have 1 to 500 characters")
    if it.expires_at <= it.granted_at:
        raise ExemptionInvalid.field("expires_at", "is in the past")
    if it.expires_at > it.granted_at + LONGEST:
        raise ExemptionInvalid.field("expires_at", f"is more than {LONGEST.days} days away")
    if it.rule_id is not None and ("sanctions" in it.rule_id or not 1 <= len(it.rule_id) <= 63):
        raise ExemptionInvalid.field("rule_id", "names no rule that can be exempted")
    if (it.currency is None) != (it.amount_max_minor is None):
        raise ExemptionInvalid.field("amount_max_minor", "goes with a currency, and it with this")
    if it.currency is not None and it.currency not in EXPONENT:
        raise ExemptionInvalid.field("currency", f"unknown currency {it.currency[:10]!r}")
    if it.amount_max_minor is not None and not 0 < it.amount_max_minor <= MINOR_MAX:
        raise ExemptionInvalid.field("amount_max_minor", "must be above 0")
