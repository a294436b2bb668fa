"""Tell how the providers are doing, in a few sentences."""

from collections.abc import Mapping
from datetime import timedelta

import msgspec
import structlog

from paywright.core.cause import Cause
from paywright.db.pool import Database
from paywright.gateway.figures import Figures
from paywright.gateway.model import Provider
from paywright.gateway.reword import Reworder, says_the_same
from paywright.gateway.status import provider_status
from paywright.gateway.summary import summary
from paywright.telemetry import metrics

log = structlog.get_logger()


class Summary(msgspec.Struct, frozen=True):
    """text: a line for all providers, then a line for each"""

    text: str
    figures: Figures
    is_reworded: bool


async def summarize(
    db: Database,
    cause: Cause,
    *,
    providers: Mapping[str, Provider],
    minutes: int,
    reworder: Reworder | None,
) -> Summary:
    """The last `minutes`, 1 or more, in words. Who rewords gets figures, states and names of
    providers, and nobody's id; what it makes of them is used only where it says the same."""
    standings = await provider_status(
        db, cause, providers=providers, window=timedelta(minutes=minutes)
    )
    figures = Figures(at=cause.at, minutes=minutes, providers=standings)
    text = "\n".join(summary(figures))
    reworded = None if reworder is None else await _reworded(reworder, text, figures)
    return Summary(reworded or text, figures, is_reworded=reworded is not None)


async def _reworded(reworder: Reworder, text: str, figures: Figures) -> str | None:
    people = {
        it.breaker.forced_by for it in figures.providers if it.breaker and it.breaker.forced_by
    }
    masks = {f"Operator{chr(ord('A') + n)}": who for n, who in enumerate(sorted(people)[:26])}
    for mask, who in masks.items():
        text = text.replace(f" by {who} ", f" by {mask} ")
    theirs = await reworder.reword(text)
    if theirs is None:
        metrics.count_rewording(outcome="failed")
        return None
    same = says_the_same(text, theirs, names={*(it.name for it in figures.providers), *masks})
    if same is None:
        log.warning("gateway.rewording_refused", chars=len(theirs))
        metrics.count_rewording(outcome="refused")
        return None
    metrics.count_rewording(outcome="used")
    for mask, who in masks.items():
        same = same.replace(mask, who)
    return same
