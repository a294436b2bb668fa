"""Valid values of risk with everything optional."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from tests.builders import NOON

from paywright.core.ids import ExemptionId, PaymentId
from paywright.db.pool import Database
from paywright.kyc import store as kyc_store
from paywright.kyc.model import KycStatus
from paywright.risk.assess import assess
from paywright.risk.background import load
from paywright.risk.model import Assessment, Background, Exemption, Level, Movement, Party
from paywright.risk.record import record
from paywright.risk.rule_set import SCHEMAS, default_source
from paywright.risk.velocity import Profile
from paywright.rulesets.compile import RuleSet, compile_source
from paywright.screening.model import Match

RULES = compile_source(default_source(), SCHEMAS)
GOOD = Party(country="DE", since=NOON - timedelta(days=400), kyc="verified")


def a_movement(**changes: Any) -> Movement:
    at: datetime = changes.get("at", NOON)
    fields: dict[str, Any] = {
        "payment_id": UUID(int=PaymentId.new(at).int),
        "payer": "cust_1",
        "payee": "cust_2",
        "amount_minor": 10_000,
        "currency": "EUR",
        "kind": "transfer",
        "channel": "ledger",
        "at": at,
    }
    return Movement(**fields | changes)


def a_background(
    *,
    rules: RuleSet = RULES,
    payer: Party = GOOD,
    payee: Party = GOOD,
    exemptions: Sequence[Exemption] = (),
) -> Background:
    """Of two customers, `cust_1` who pays and `cust_2`."""
    return Background(
        rules=rules,
        generation=1,
        parties={"cust_1": payer, "cust_2": payee},
        exemptions={"cust_1": list(exemptions)},
        profiles={"cust_1": Profile(), "cust_2": Profile()},
    )


def an_exemption(**changes: Any) -> Exemption:
    fields: dict[str, Any] = {
        "id": ExemptionId.new(NOON),
        "customer_id": "cust_1",
        "rule_id": None,
        "payee": None,
        "currency": None,
        "amount_max_minor": None,
        "reason": "Known to us, paid by invoice",
        "granted_by": "key_test",
        "granted_at": NOON - timedelta(days=1),
        "expires_at": NOON + timedelta(days=1),
    }
    return Exemption(**fields | changes)


def a_match(score: float = 0.93) -> Match:
    return Match(
        list="demo", entry_id="7", name="NOBODY, Nemo", matched_name="NOBODY, Nemo", score=score
    )


def rules_with(old: str, new: str) -> RuleSet:
    """The default rules, changed, without their examples."""
    source = default_source().partition("\nexamples:")[0]
    assert old in source
    return compile_source(source.replace(old, new), SCHEMAS)


async def put_on_file(
    db: Database, *ids: str, kyc: str = "verified", screened: str | None = "clear"
) -> None:
    """Customers as risk finds them: on file, with a KYC status, screened against no list."""
    async with db.transaction() as tx:
        for customer_id in ids:
            await tx.execute(
                """
                insert into customers (id, country, customer_since, created_at, updated_at)
                values ($1, 'DE', $2, $2, $2)
                """,
                customer_id,
                NOON - timedelta(days=400),
            )
            standing = await kyc_store.lock_standing(tx, customer_id, at=NOON)
            if kyc == "verified":
                expires_at = NOON + timedelta(days=400)
                standing = msgspec.structs.replace(
                    standing, subject_index=bytes(32), expires_at=expires_at
                )
            standing = msgspec.structs.replace(standing, status=KycStatus(kyc))
            await kyc_store.set_standing(tx, standing)
            if screened is not None:
                await tx.execute(
                    """
                    insert into customer_screenings (customer_id, generation, status, matches, at)
                    values ($1, 0, $2, $3, $4)
                    """,
                    customer_id,
                    screened,
                    '[{"list": "demo", "entry_id": "7", "name": "NOBODY, Nemo", "score": 0.93}]',
                    NOON,
                )


async def weigh(db: Database, *movements: Movement, rules: RuleSet = RULES) -> list[Assessment]:
    """As the pipeline does: load, assess each, count what goes through, put on file."""
    async with db.transaction() as tx:
        background = await load(tx, rules, movements)
        found = []
        for movement in movements:
            found.append(assess(movement, background))
            if found[-1].level is Level.LOW:
                background.count(movement)
        await record(tx, background, found)
    return found
