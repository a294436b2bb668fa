"""The rule set `risk-rules`: what its rules may ask about, what they answer, its levels. Pure."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Annotated

import msgspec
from msgspec import Meta

from paywright.core.currencies import EXPONENT
from paywright.core.money import MINOR_MAX
from paywright.risk.model import KINDS, Level
from paywright.rulesets.cel import Scalar
from paywright.rulesets.schema import Schemas, TableSchema, Variable

RULE_SET = "risk-rules"
TABLE = "payment"

KYC_STATUSES = ("unverified", "pending", "verified", "rejected")


class Points(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `then` of a row. `reason` may have `{placeholders}`."""

    points: Annotated[int, Meta(ge=0, le=1000)]
    reason: Annotated[str, Meta(min_length=1, max_length=500)]


class Levels(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From how many points on. The maxima are as far as a rule set may go: half as much again as
    the defaults."""

    high: Annotated[int, Meta(ge=1, le=75)] = 50
    blocked: Annotated[int, Meta(ge=2, le=150)] = 100

    def __post_init__(self) -> None:
        if self.blocked <= self.high:
            raise ValueError("`blocked` must be more than `high`")

    def of(self, score: int) -> Level:
        if score >= self.blocked:
            return Level.BLOCKED
        return Level.HIGH if score >= self.high else Level.LOW


Amount = Annotated[int, Meta(ge=0, le=MINOR_MAX)]
Whole = Annotated[int, Meta(ge=0, le=10**14)]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Amounts, in minor units or, as a default, in whole units of any currency."""

    large: Amount
    very_large: Amount


class Defaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits in whole units of a currency that has none of its own."""

    large: Whole = 5_000
    very_large: Whole = 10_000


class Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`data.payment` of the document. `limits`: by currency, in its minor units."""

    levels: Levels = Levels()
    limits_default: Defaults = Defaults()
    limits: dict[str, Limits] = {}

    def __post_init__(self) -> None:
        for currency in self.limits:
            if currency not in EXPONENT:
                raise ValueError(f"unknown currency {currency}")

    def limits_of(self, currency: str) -> tuple[int, int]:
        """Large and very large, in minor units."""
        if (own := self.limits.get(currency)) is not None:
            return own.large, own.very_large
        unit = 10 ** EXPONENT.get(currency, 0)
        return self.limits_default.large * unit, self.limits_default.very_large * unit


# What an assessment is stored with, in this order: add at the end, and take nothing away. The
# defaults describe an ordinary payment between two customers in good standing; an assessment of
# a time when a fact was not known yet is taken to have its default.
VARIABLES: Mapping[str, Variable] = {
    "kind": Variable("transfer", KINDS),
    "channel": Variable("api"),
    "amount.minor": Variable(10_000),
    "amount.currency": Variable("EUR"),
    # An owner of an account who is not on file as a customer is not known. The house is known and
    # verified, has no days and no country, and nothing counts up for it.
    "payer.house": Variable(False),
    "payer.known": Variable(True),
    "payer.days_known": Variable(400),
    "payer.country": Variable("DE"),  # empty when not known, as all countries here
    "payer.kyc": Variable("verified", KYC_STATUSES),
    "payee.house": Variable(False),
    "payee.outside": Variable(False),  # not ours: at another bank, with nothing on file
    "payee.known": Variable(True),
    "payee.days_known": Variable(400),
    "payee.country": Variable("DE"),
    "payee.kyc": Variable("verified", ("", *KYC_STATUSES)),  # empty when outside
    "sanctions.payer_hit": Variable(False),
    "sanctions.payee_hit": Variable(False),
    "sanctions.score": Variable(0),  # of the better match of the two, in percent
    "sanctions.screened": Variable(True),  # all who could be, against the lists of that moment
    # With this payment.
    "velocity.count_today": Variable(1),
    "velocity.count_1h": Variable(1),
    "velocity.sum_today_minor": Variable(10_000),  # in the currency of this payment
    "model_score": Variable(0),  # of a fraud model, 0 to 100; 0 when there is none
}

# What follows from the data of the rule set; not stored, so that other data give others.
_DERIVED: Mapping[str, Variable] = {
    "limits.large_minor": Variable(500_000),
    "limits.very_large_minor": Variable(1_000_000),
}


def derive(data: Data, facts: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """The limits of the currency, as facts."""
    large, very_large = data.limits_of(str(facts["amount.currency"]))
    return {"limits.large_minor": large, "limits.very_large_minor": very_large}


SCHEMAS: Schemas = {
    TABLE: TableSchema(
        variables={**VARIABLES, **_DERIVED},
        then=Points,
        template="reason",
        collects=True,
        total="points",
        data=Data,
        derive=derive,
    )
}


_DEFAULTS: Mapping[str, Scalar] = {name: it.default for name, it in VARIABLES.items()}


def named(values: Sequence[Scalar]) -> dict[str, Scalar]:
    """The facts of an assessment, by name. What was not known then has its default."""
    return {**_DEFAULTS, **dict(zip(VARIABLES, values, strict=False))}


def default_source() -> str:
    """The rule set that comes with Paywright."""
    path = files("paywright.risk") / "rules" / f"{RULE_SET}.yaml"
    return path.read_text(encoding="utf-8")
