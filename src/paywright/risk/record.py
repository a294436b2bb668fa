"""Put on file what was found, with the payments themselves."""

from collections import Counter
from collections.abc import Sequence

from paywright.db.pool import Tx
from paywright.risk import store
from paywright.risk.counting import count_assessments, count_failed_rule
from paywright.risk.model import Assessment, Background


async def record(tx: Tx, background: Background, assessments: Sequence[Assessment]) -> None:
    """Assessments, each of another payment, and the profiles that `Background.count` changed."""
    if assessments:
        await store.insert(tx, assessments)
    if background.changed:
        profiles = {it: background.profiles[it] for it in sorted(background.changed)}
        await store.save_profiles(tx, profiles)
        background.changed.clear()
    for level, count in Counter([it.level for it in assessments]).items():
        count_assessments(level, count)
    for assessment in assessments:
        for fired in assessment.fired:
            if fired.is_failed:
                count_failed_rule(fired.rule_id)
