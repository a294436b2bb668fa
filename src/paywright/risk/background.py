"""Load what rules may ask about, for all payments of a list at once."""

from collections.abc import Sequence

from paywright.customers import store as customers
from paywright.customers.store import Known
from paywright.db.pool import Tx
from paywright.kyc import standing as kyc
from paywright.risk import exemptions_store, store
from paywright.risk.model import Background, Exemption, Movement, Party
from paywright.rulesets.compile import RuleSet
from paywright.screening import standing as screening
from paywright.screening.records import Standing


async def load(tx: Tx, rules: RuleSet, movements: Sequence[Movement]) -> Background:
    """Six statements, however many payments there are.

    Locks the velocity profiles of the payers, in the order of their ids, until the transaction
    ends: two batches of one payer count one after the other.
    """
    payers = sorted({it.payer for it in movements if it.payer is not None})
    ids = list({*payers, *(it.payee for it in movements if it.payee is not None)})
    # First the lock: what is read after it is what those who held it before have left.
    profiles = await store.lock_profiles(tx, payers) if payers else {}
    known = await customers.known(tx, ids)
    standings = await screening.standings(tx, list(known))
    statuses = await kyc.statuses(tx, ids)
    parties = {
        it: _party(
            known.get(it),
            str(statuses.get(it, "unverified")),
            standings.by_customer.get(it),
            standings.current_generation,
        )
        for it in ids
    }
    exemptions: dict[str, list[Exemption]] = {}
    if payers:
        # Each payment looks for itself whether one covers it; none is left out here.
        earliest = min(it.at for it in movements)
        for it in await exemptions_store.in_force(tx, payers, at=earliest):
            exemptions.setdefault(it.customer_id, []).append(it)
    return Background(
        rules=rules,
        generation=standings.current_generation,
        parties=parties,
        exemptions=exemptions,
        profiles=profiles,
        unscreened=[it for it, party in parties.items() if not party.is_screened],
    )


def _party(known: Known | None, kyc_status: str, standing: Standing | None, current: int) -> Party:
    if known is None:
        return Party(is_known=False, kyc=kyc_status)
    if standing is None or standing.generation != current:
        # A hit of older lists is taken for one until the customer is screened again.
        is_hit = standing is not None and standing.status == "hit"
        return Party(
            country=known.country,
            since=known.customer_since,
            kyc=kyc_status,
            is_hit=is_hit,
            is_screened=False,
        )
    return Party(
        country=known.country,
        since=known.customer_since,
        kyc=kyc_status,
        is_hit=standing.status == "hit",
        score=0 if standing.top is None else round(100 * standing.top.score),
    )
