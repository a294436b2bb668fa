"""How many approvals a vendor payment needs, as it is entered."""

from datetime import datetime

from paywright.approvals import policy
from paywright.approvals.decide import needed
from paywright.payments.vendor.model import Contents
from paywright.rulesets.compile import RuleSet
from paywright.vendors.model import Payable


def approvals_needed(
    rules: RuleSet, contents: Contents, vendor: Payable, *, resembles_other: bool, at: datetime
) -> int:
    """By the policies in force. Whoever approves asks them again."""
    facts = policy.payment_facts(
        amount=contents.amount,
        payer_type=contents.payer_type,
        vendor_days=(at - vendor.created_at).days,
        payout_days=(at - vendor.payout_changed_at).days,
        has_incident=contents.incident_id is not None,
        has_bill=contents.bill_number is not None,
        lines=len(contents.lines),
        resembles_other=resembles_other,
    )
    return needed(policy.requirements(rules, policy.PAYMENT, facts))
