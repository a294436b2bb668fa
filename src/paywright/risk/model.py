"""The nouns of risk."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

import msgspec

from paywright.core.ids import ExemptionId
from paywright.core.money import MINOR_MAX
from paywright.risk.velocity import Profile
from paywright.rulesets.cel import Scalar
from paywright.rulesets.compile import RuleSet
from paywright.screening.model import Match

Kind = Literal["transfer", "hold", "charge", "vendor_payment"]
OUTSIDE = "bank"  # the channel
KINDS: tuple[Kind, ...] = ("transfer", "hold", "charge", "vendor_payment")


class Level(StrEnum):
    LOW = "low"  # goes on
    HIGH = "high"  # goes on with a one-time code
    BLOCKED = "blocked"  # is declined


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """A payment that is about to be made, as risk looks at it.

    payer:         the owner of the account that is debited, a customer's id; None: the house
    payee:         the owner of the account that is credited; None: the house or, where the
                   channel is `bank`, somebody outside
    payee_matches: of somebody outside: the entries of sanctions lists that it may be
    model_score:   0 to 100, of a fraud model that was asked before; 0 when there is none
    """

    payment_id: UUID
    payer: str | None
    payee: str | None
    amount_minor: int
    currency: str
    kind: Kind
    channel: str
    at: datetime
    payee_matches: Sequence[Match] = ()
    model_score: int = 0


class Fired(msgspec.Struct, frozen=True, array_like=True):
    """A rule that fired.

    rule_id:   a row of the rule set, or `builtin:…` for what no rule set can leave out
    points:    what it says; they count unless `is_waived`, by the exemption of the assessment
    is_failed: nobody knows whether it fires, because it could not be evaluated
    """

    rule_id: str
    points: int
    reason: str
    is_waived: bool = False
    is_failed: bool = False


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of one payment, and what it was found on.

    facts:         the values of `facts.VARIABLES`, in their order
    rules_version: of the rule set; generation: of the sanctions lists
    """

    payment_id: UUID
    at: datetime
    payer: str | None
    payee: str | None
    score: int
    level: Level
    fired: tuple[Fired, ...]
    exempted: ExemptionId | None
    rules_version: str
    generation: int
    facts: Sequence[Scalar]
    matches: Sequence[Match] = ()


class Exemption(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's payments for which a rule is not to count, for a while and for a reason.

    rule_id:   None: every rule. Never what sanctions lists say
    payee:     None: whoever is paid
    currency, amount_max_minor: None: whatever the amount
    """

    id: ExemptionId
    customer_id: str
    rule_id: str | None
    payee: str | None
    currency: str | None
    amount_max_minor: int | None
    reason: str
    granted_by: str
    granted_at: datetime
    expires_at: datetime
    ended_by: str | None = None
    ended_at: datetime | None = None

    def covers(self, movement: Movement) -> bool:
        """Whether it is in force for this payment."""
        return (
            self.customer_id == movement.payer
            and movement.at < self.expires_at
            and (self.ended_at is None or movement.at < self.ended_at)
            and self.payee in (None, movement.payee)
            and self.currency in (None, movement.currency)
            and (self.amount_max_minor is None or movement.amount_minor <= self.amount_max_minor)
        )


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of somebody who pays or is paid: nothing personal.

    country: may be empty
    is_hit, score: of the current sanctions lists, in percent
    is_screened: False only of a customer on file: nobody else can be
    """

    is_known: bool = True
    country: str = ""
    since: datetime | None = None
    kyc: str = "unverified"
    is_hit: bool = False
    score: int = 0
    is_screened: bool = True


class Background(msgspec.Struct, kw_only=True):
    """What is known at this moment of all parties of a list of payments.

    parties:    by id; who is missing is a stranger
    exemptions: by payer, oldest first
    profiles:   by payer; their rows are locked
    unscreened: customers on file who have not been screened against the current lists
    changed:    payers whose profile `count` has changed
    """

    rules: RuleSet
    generation: int
    parties: dict[str, Party] = {}
    exemptions: dict[str, list[Exemption]] = {}
    profiles: dict[str, Profile] = {}
    unscreened: Sequence[str] = ()
    changed: set[str] = set()

    def discount(self, movement: Movement) -> None:
        """It was counted, and then not made."""
        if movement.payer is not None:
            self.profiles[movement.payer].count_out(
                at=movement.at, amount_minor=movement.amount_minor, currency=movement.currency
            )

    def count(self, movement: Movement) -> None:
        """It goes through: the next one of the same payer is to see it."""
        if movement.payer is None:
            return
        self.profiles[movement.payer].count_in(
            at=movement.at, amount_minor=movement.amount_minor, currency=movement.currency
        )
        self.changed.add(movement.payer)

    def facts_of(self, movement: Movement) -> dict[str, Scalar]:
        """In the order of `rule_set.VARIABLES`."""
        payer, payee, amount_minor = movement.payer, movement.payee, movement.amount_minor
        of_payer, is_outside = self._look_at(payer), False
        if payee is None and movement.channel == OUTSIDE:
            of_payee, is_outside = _outside(movement.payee_matches), True
        else:
            of_payee = self._look_at(payee)
        count_today, count_1h, sum_today_minor = 1, 1, amount_minor
        if payer is not None:
            count_today, count_1h, sum_today_minor = self.profiles[payer].pace(
                at=movement.at, amount_minor=amount_minor, currency=movement.currency
            )
        payer_days = payee_days = 0
        if of_payer.since is not None:
            payer_days = (movement.at - of_payer.since).days
        if of_payee.since is not None:
            payee_days = (movement.at - of_payee.since).days
        return {
            "kind": movement.kind,
            "channel": movement.channel,
            "amount.minor": amount_minor,
            "amount.currency": movement.currency,
            "payer.house": payer is None,
            "payer.known": of_payer.is_known,
            "payer.days_known": payer_days,
            "payer.country": of_payer.country,
            "payer.kyc": of_payer.kyc,
            "payee.house": payee is None and not is_outside,
            "payee.outside": is_outside,
            "payee.known": of_payee.is_known,
            "payee.days_known": payee_days,
            "payee.country": of_payee.country,
            "payee.kyc": of_payee.kyc,
            "sanctions.payer_hit": of_payer.is_hit,
            "sanctions.payee_hit": of_payee.is_hit,
            "sanctions.score": max(of_payer.score, of_payee.score),
            "sanctions.screened": of_payer.is_screened and of_payee.is_screened,
            "velocity.count_today": count_today,
            "velocity.count_1h": count_1h,
            "velocity.sum_today_minor": min(sum_today_minor, MINOR_MAX),
            "model_score": movement.model_score,
        }

    def _look_at(self, customer_id: str | None) -> Party:
        if customer_id is None:
            return _HOUSE
        return self.parties.get(customer_id, _STRANGER)


_HOUSE = Party(kyc="verified")
_STRANGER = Party(is_known=False)


def _outside(matches: Sequence[Match]) -> Party:
    score = round(100 * max((it.score for it in matches), default=0.0))
    return Party(is_known=False, kyc="", is_hit=bool(matches), score=score)
