"""What risks are weighed with: the rules, the sanctions lists, the keys to read names."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from paywright.core.actor import SYSTEM
from paywright.core.cause import Cause
from paywright.crypto import KeyRing
from paywright.db.pool import Database, Tx
from paywright.gateway.model import Provider
from paywright.ledger.rules import Book
from paywright.payments.pipeline import Draft, movement_of
from paywright.risk.background import load
from paywright.risk.model import Background, Movement
from paywright.rulesets.cache import RuleSetCache
from paywright.screening.model import Query
from paywright.screening.screen import screen_customers
from paywright.screening.screener import Screener


class Checks(msgspec.Struct, frozen=True):
    """banks: that money can be sent through, by name; the first is the usual one."""

    keys: KeyRing
    rules: RuleSetCache
    screener: Screener
    banks: Mapping[str, Provider]


class Unscreened(Exception):
    """Names that have not been compared with the lists as they are now. The transaction is lost;
    they are screened, and it is run again."""

    def __init__(self, checks: Checks, customer_ids: Sequence[str]) -> None:
        super().__init__(f"{len(customer_ids)} customers")
        self.checks = checks
        self.customer_ids = customer_ids


async def load_background(
    tx: Tx, checks: Checks | None, drafts: Sequence[Draft], book: Book
) -> Background | None:
    """What the rules ask about the drafts that are still open. Raises Unscreened."""
    if checks is None:
        return None
    screen_payees(checks.screener, drafts)
    movements: list[Movement] = []
    for draft in drafts:
        if draft.is_open and (movement := movement_of(draft, book)) is not None:
            draft.movement = movement
            movements.append(movement)
    if not movements:
        return None
    background = await load(tx, await checks.rules.current(tx), movements)
    is_behind = background.generation > checks.screener.generation
    if background.unscreened or (is_behind and any(it.channel == "bank" for it in movements)):
        raise Unscreened(checks, background.unscreened)
    return background


def screen_payees(screener: Screener, drafts: Sequence[Draft]) -> None:
    """Compare the names of those at other banks with the lists: a millisecond each at the most."""
    payees = [it for it in drafts if it.is_open and it.element.payee is not None]
    if not payees:
        return
    queries = []
    for draft in payees:
        payee = draft.element.payee
        if payee is not None:
            countries = () if payee.country is None else (payee.country.lower(),)
            queries.append(Query(name=payee.name, countries=countries))
    for draft, matches in zip(payees, screener.screen(queries), strict=True):
        draft.payee_matches = matches


async def screen_parties(db: Database, found: Unscreened, *, at: datetime) -> None:
    """Have the lists in memory as they are on file, and the customers compared with them."""
    checks = found.checks
    await checks.screener.refresh(db)
    if found.customer_ids:
        cause = Cause(SYSTEM, at, request_id="screening")
        await screen_customers(db, checks.keys, checks.screener, cause, found.customer_ids)
