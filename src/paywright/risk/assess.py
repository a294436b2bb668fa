"""From facts to a verdict. Pure."""

from collections.abc import Mapping, Sequence

import msgspec

from paywright.core.ids import ExemptionId
from paywright.risk.model import Assessment, Background, Exemption, Fired, Level, Movement
from paywright.risk.rule_set import TABLE, Data, Levels, derive
from paywright.rulesets.cel import Scalar
from paywright.rulesets.compile import Hit, RuleSet

SANCTIONS_HIT = "builtin:sanctions-hit"
NOT_SCREENED = "builtin:not-screened"


class Verdict(msgspec.Struct, frozen=True):
    score: int
    level: Level
    fired: tuple[Fired, ...]
    exempted: ExemptionId | None = None


_NOTHING = Verdict(0, Level.LOW, ())


def assess(movement: Movement, background: Background) -> Assessment:
    """What the rules make of one payment."""
    facts = background.facts_of(movement)
    exemptions: Sequence[Exemption] = ()
    if background.exemptions and movement.payer is not None:
        granted = background.exemptions.get(movement.payer, ())
        exemptions = [it for it in granted if it.covers(movement)]
    verdict = judge(background.rules, facts, exemptions)
    return Assessment(
        payment_id=movement.payment_id,
        at=movement.at,
        payer=movement.payer,
        payee=movement.payee,
        score=verdict.score,
        level=verdict.level,
        fired=verdict.fired,
        exempted=verdict.exempted,
        rules_version=background.rules.version,
        generation=background.generation,
        facts=tuple(facts.values()),
        matches=movement.payee_matches,
    )


def judge(
    rules: RuleSet, facts: Mapping[str, Scalar], exemptions: Sequence[Exemption] = ()
) -> Verdict:
    """The same for facts, of the past or of now.

    exemptions: that cover the payment. The one that takes away most points is used, of equals the
                first; none where a sanctions list is touched

    Two things no rule set can change. A sanctions hit blocks, whatever the rules say of it. And
    what is not known makes a payment `high` at least: a rule that could not be evaluated, a
    customer who was not screened.
    """
    data: Data = rules.data[TABLE]
    hits = rules.collect(TABLE, {**facts, **derive(data, facts)})
    is_sanctioned = facts["sanctions.payer_hit"] or facts["sanctions.payee_hit"]
    if not hits and not is_sanctioned and facts["sanctions.screened"]:
        return _NOTHING
    exemption = None if is_sanctioned or not exemptions else _best(exemptions, hits)
    fired = [_fired(hit, exemption) for hit in hits]
    if not facts["sanctions.screened"]:
        fired.append(Fired(NOT_SCREENED, 0, "A party was not screened.", is_failed=True))
    _close(fired, data.levels)
    if is_sanctioned and (missing := data.levels.blocked - score_of(fired)) > 0:
        fired.append(Fired(SANCTIONS_HIT, missing, "A party may be on a sanctions list."))
    score = score_of(fired)
    used = None if exemption is None else exemption.id
    return Verdict(score, data.levels.of(score), tuple(fired), used)


def score_of(fired: Sequence[Fired]) -> int:
    return sum([it.points for it in fired if not it.is_waived])


def _fired(hit: Hit, exemption: Exemption | None) -> Fired:
    if hit.failure:
        reason = f"The rule could not be evaluated: {hit.failure}."
        return Fired(hit.rule_id, 0, reason, is_failed=True)
    is_waived = exemption is not None and exemption.rule_id in (None, hit.rule_id)
    return Fired(hit.rule_id, hit.then.points, hit.reasoning, is_waived=is_waived)


def _close(fired: list[Fired], levels: Levels) -> None:
    """What failed is given the points that are missing to `high`, once."""
    for i, it in enumerate(fired):
        if it.is_failed:
            missing = max(levels.high - score_of(fired), 0)
            fired[i] = msgspec.structs.replace(it, points=missing)
            return


def _best(exemptions: Sequence[Exemption], hits: Sequence[Hit]) -> Exemption | None:
    """The one that takes away most; None when none takes away anything."""
    best, most = None, 0
    for exemption in exemptions:
        waived = sum(
            hit.then.points
            for hit in hits
            if not hit.failure and exemption.rule_id in (None, hit.rule_id)
        )
        if waived > most:
            best, most = exemption, waived
    return best
