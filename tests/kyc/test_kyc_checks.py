"""A check from its request to its verdict, with a real provider behind HTTP."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from tests.builders import NOON, a_cause
from tests.jobs.working import drained, until, working
from tests.kyc.knowing import (
    CUSTOMER,
    KEYS,
    at,
    checks,
    register,
    request,
    standing,
    status,
    told,
)
from tests.simulator.simulating import TOKEN, Simulator

from paywright.core.actor import PermissionMissing
from paywright.core.cause import Cause
from paywright.customers.register import NoSuchCustomer
from paywright.db.pool import Database
from paywright.identity.permissions import Role
from paywright.jobs import Registry, list_dead
from paywright.kyc import jobs
from paywright.kyc.ask import ask_due, ask_provider
from paywright.kyc.decide import decide_by_hand
from paywright.kyc.expire import expire_verifications
from paywright.kyc.http_provider import HttpKycProvider
from paywright.kyc.model import KycStatus
from paywright.kyc.reconsider import reconsider
from paywright.kyc.request_check import NoKycProvider, request_check
from paywright.kyc.rules import VALID_FOR, NotDecidableByHand
from paywright.kyc.standing import show_standing, statuses
from paywright.kyc.subject import CustomerNameless
from paywright.kyc.tasks import AskKycProvider


@pytest.fixture
async def provider(simulator: Simulator) -> AsyncIterator[HttpKycProvider]:
    it = HttpKycProvider(url=simulator.urls["kyc"], token=TOKEN, timeout_ms=500)
    yield it
    await it.close()


@pytest.fixture
async def ask(db: Database, provider: HttpKycProvider) -> object:
    """Ask the provider about the open check, here and now."""

    async def ask(cause: Cause | None = None) -> None:
        [check, *_] = await checks(db)
        await ask_provider(db, KEYS, provider, cause or at(seconds=1), check_id=check.id)

    return ask


async def by_hand(db: Database, status: KycStatus, cause: Cause | None = None) -> None:
    await decide_by_hand(
        db, KEYS, cause or a_cause(), customer_id=CUSTOMER, status=status, reason="seen in person"
    )


async def test_who_was_never_checked_is_unverified(db: Database) -> None:
    await register(db)
    shown = await show_standing(db, KEYS, a_cause(), customer_id=CUSTOMER)
    assert (shown.standing.status, shown.standing.since) == (KycStatus.UNVERIFIED, None)
    async with db.snapshot() as tx:
        known = await statuses(tx, [CUSTOMER, "cust_nobody"])
    assert set(known.values()) == {KycStatus.UNVERIFIED}


async def test_a_check_verifies_for_two_years(db: Database, ask) -> None:
    await register(db)
    check = await request(db)
    assert await status(db) == KycStatus.PENDING
    await ask()
    [decided] = await checks(db)
    assert (decided.id, decided.status) == (check.id, KycStatus.VERIFIED)
    assert decided.provider_reference == "check_00000001"
    stands = await standing(db)
    assert (stands.status, stands.check_id) == (KycStatus.VERIFIED, check.id)
    assert stands.expires_at == at(seconds=1).at + VALID_FOR
    async with db.snapshot() as tx:
        assert await statuses(tx, [CUSTOMER]) == {CUSTOMER: KycStatus.VERIFIED}
    requested, decided_event = await told(db)
    assert requested.type == "kyc.requested"
    assert decided_event.data["outcome"] == "verified"
    assert (decided_event.before, decided_event.after) == (
        {"status": "pending"},
        {"status": "verified"},
    )
    assert "Ida" not in str([requested, decided_event])


async def test_a_worker_does_all_of_it(
    db: Database, provider: HttpKycProvider, simulator: Simulator
) -> None:
    simulator.set(decide_after_ms=200)
    await register(db, name="Ida Pending")
    app = SimpleNamespace(db=db, keys=KEYS, kyc_provider=provider)
    registry = Registry()
    registry.job(AskKycProvider)(jobs.run_ask_kyc_provider)
    async with working(db, registry, app):
        await request(db, a_cause())
        await until(lambda: drained(db))
        assert await status(db) == KycStatus.PENDING
        await asyncio.sleep(0.25)
        tomorrow = a_cause(at=datetime.now(UTC) + timedelta(days=1))  # by the worker's clock
        assert await ask_due(db, tomorrow) == 1
        await until(lambda: drained(db))
    assert await status(db) == KycStatus.VERIFIED
    assert await ask_due(db, tomorrow) == 0


async def test_without_a_provider_a_job_says_so_and_the_check_stays_open(db: Database) -> None:
    await register(db)
    registry = Registry()
    registry.job(AskKycProvider)(jobs.run_ask_kyc_provider)
    async with working(db, registry, SimpleNamespace(db=db, keys=KEYS, kyc_provider=None)):
        await request(db)
        await until(lambda: drained(db))
    async with db.snapshot() as tx:
        [letter] = (await list_dead(tx, limit=10)).items
    assert "KYC_PROVIDER_URL" in letter.reason
    assert await status(db) == KycStatus.PENDING


async def test_a_rejection_stays_until_somebody_decides_otherwise(db: Database, ask) -> None:
    await register(db, name="Ida Reject")
    await request(db)
    await ask()
    assert await status(db) == KycStatus.REJECTED
    [check] = await checks(db)
    assert (check.reason, check.expires_at) == ("document_expired", None)
    await request(db, at(days=1))
    assert await status(db) == KycStatus.REJECTED
    await register(db, name="Ida Beispiel")
    await ask(at(days=2))
    assert await status(db) == KycStatus.VERIFIED


async def test_asking_twice_is_one_check(db: Database, simulator: Simulator, ask) -> None:
    await register(db)
    found = await asyncio.gather(*(request(db) for _ in range(8)))
    assert len({check.id for check in found}) == 1
    await ask()
    await ask()
    assert simulator.books()["checks_total"] == 1
    assert [event.type for event in await told(db)] == ["kyc.requested", "kyc.decided"]


async def test_a_lost_answer_is_asked_for_again_and_no_second_check_is_made(
    db: Database, simulator: Simulator, ask
) -> None:
    await register(db)
    await request(db)
    simulator.set(timeout_after_apply_rate=1, lost_answer="close")
    for n in range(3):
        await ask(at(minutes=n))
    [check] = await checks(db)
    assert (check.status, check.attempts, check.provider_reference) == ("pending", 3, None)
    async with db.snapshot() as tx:
        ask_at = await tx.fetchval("select ask_at from kyc_checks")
    assert ask_at > at(minutes=2).at
    simulator.set()
    await ask(at(hours=1))
    assert await status(db) == KycStatus.VERIFIED
    assert simulator.books()["checks_total"] == 1


async def test_a_provider_that_has_forgotten_is_asked_anew(
    db: Database, simulator: Simulator, ask
) -> None:
    await register(db, name="Ida Pending")
    await request(db)
    await ask()
    simulator.reset()
    simulator.set(decide_after_ms=0)
    await ask(at(minutes=1))
    [check] = await checks(db)
    assert check.provider_reference is None
    await ask(at(minutes=2))
    await ask(at(minutes=3))
    assert await status(db) == KycStatus.VERIFIED


async def test_what_the_provider_will_not_check_leaves_the_customer_unverified(
    db: Database, ask
) -> None:
    await register(db, name="x" * 5000)
    await request(db)
    await ask()
    [check] = await checks(db)
    assert (check.status, check.reason) == (KycStatus.UNVERIFIED, "malformed")
    assert await status(db) == KycStatus.UNVERIFIED


async def test_an_inconclusive_check_takes_nothing_from_who_was_verified(db: Database, ask) -> None:
    await register(db)
    await by_hand(db, KycStatus.VERIFIED)
    before = await standing(db)
    await request(db, at(days=1))
    assert await status(db) == KycStatus.VERIFIED  # asking again does no harm
    await register(db, name=None)
    await ask(at(days=2))
    [check, _] = await checks(db)
    assert (check.status, check.reason) == (KycStatus.UNVERIFIED, "name_missing")
    assert await standing(db) == before


async def test_a_person_decides_and_the_open_check_ends(db: Database, ask) -> None:
    await register(db)
    opened = await request(db)
    anna = a_cause(Role.OPERATOR, at=at(hours=1).at)
    await by_hand(db, KycStatus.REJECTED, anna)
    await ask()  # finds the newest, which is decided
    mine, theirs = await checks(db)
    assert (mine.provider, mine.status, mine.reason) == ("by_hand", "rejected", "seen in person")
    assert mine.decided_by == "key_of_operator"
    assert (theirs.id, theirs.status, theirs.reason) == (opened.id, "unverified", "decided_by_hand")
    assert await status(db) == KycStatus.REJECTED
    assert "seen in person" not in str(await told(db))


async def test_a_verdict_that_comes_after_a_persons_counts_for_nothing(
    db: Database, provider: HttpKycProvider, simulator: Simulator
) -> None:
    await register(db)
    check = await request(db)
    simulator.set(latency={"ms": 400})
    asking = asyncio.create_task(ask_provider(db, KEYS, provider, at(seconds=1), check_id=check.id))
    await asyncio.sleep(0.1)
    await by_hand(db, KycStatus.REJECTED, at(seconds=2))
    await asking
    assert await status(db) == KycStatus.REJECTED
    assert simulator.books()["checks_by_status"] == {"verified": 1}


async def test_a_verification_is_taken_back_by_hand(db: Database) -> None:
    await register(db)
    await by_hand(db, KycStatus.VERIFIED)
    await by_hand(db, KycStatus.UNVERIFIED, at(days=1))
    stands = await standing(db)
    assert (stands.status, stands.expires_at) == (KycStatus.UNVERIFIED, None)
    with pytest.raises(NotDecidableByHand, match="status"):
        await by_hand(db, KycStatus.PENDING)
    for reason in ("", "x" * 501, "a\0b"):
        with pytest.raises(NotDecidableByHand, match="reason"):
            await decide_by_hand(
                db,
                KEYS,
                a_cause(),
                customer_id=CUSTOMER,
                status=KycStatus.VERIFIED,
                reason=reason,
            )


async def test_a_verification_ends_with_its_time(db: Database) -> None:
    await register(db)
    await by_hand(db, KycStatus.VERIFIED)
    assert await expire_verifications(db, at(days=729)) == 0
    assert await expire_verifications(db, at(days=730)) == 1
    stands = await standing(db)
    assert (stands.status, stands.since) == (KycStatus.UNVERIFIED, NOON + VALID_FOR)
    assert (await told(db))[-1].type == "kyc.expired"
    assert await expire_verifications(db, at(days=731)) == 0


async def test_who_expires_while_a_check_is_open_is_pending(db: Database) -> None:
    await register(db)
    await by_hand(db, KycStatus.VERIFIED)
    await request(db, at(days=729))
    await expire_verifications(db, at(days=731))
    assert await status(db) == KycStatus.PENDING


async def test_a_verification_does_not_outlive_its_name(db: Database) -> None:
    await register(db)
    await by_hand(db, KycStatus.VERIFIED)
    await register(db, email="ida@example.org")
    assert not await reconsider(db, KEYS, at(days=1), customer_id=CUSTOMER)
    await register(db, name="Ole Muster")
    shown = await show_standing(db, KEYS, a_cause(), customer_id=CUSTOMER)
    assert (shown.standing.status, shown.is_present_name) == (KycStatus.VERIFIED, False)
    assert await reconsider(db, KEYS, at(days=1), customer_id=CUSTOMER)
    assert await status(db) == KycStatus.UNVERIFIED
    assert (await told(db))[-1].type == "kyc.outdated"
    assert not await reconsider(db, KEYS, at(days=1), customer_id=CUSTOMER)


async def test_a_new_check_under_a_new_name_ends_the_old_verification(db: Database, ask) -> None:
    await register(db)
    await by_hand(db, KycStatus.VERIFIED)
    await register(db, name="Ole Muster")
    await request(db, at(days=1))
    assert await status(db) == KycStatus.PENDING
    await ask(at(days=2))
    assert await status(db) == KycStatus.VERIFIED
    shown = await show_standing(db, KEYS, a_cause(), customer_id=CUSTOMER)
    assert shown.is_present_name


async def test_a_verdict_about_a_name_that_has_changed_meanwhile_is_not_taken(
    db: Database, provider: HttpKycProvider, simulator: Simulator, ask
) -> None:
    await register(db)
    check = await request(db)
    simulator.set(latency={"ms": 300})
    asking = asyncio.create_task(ask_provider(db, KEYS, provider, at(seconds=1), check_id=check.id))
    await asyncio.sleep(0.1)
    await register(db, name="Ole Reject")
    await asking
    assert await status(db) == KycStatus.PENDING
    simulator.set()
    await ask(at(minutes=1))
    assert await status(db) == KycStatus.REJECTED
    assert simulator.books()["checks_total"] == 2


async def test_what_cannot_be_asked_for(db: Database) -> None:
    with pytest.raises(NoSuchCustomer):
        await request(db)
    with pytest.raises(NoSuchCustomer):
        await by_hand(db, KycStatus.VERIFIED)
    with pytest.raises(NoSuchCustomer):
        await show_standing(db, KEYS, a_cause(), customer_id=CUSTOMER)
    await register(db, name=None)
    with pytest.raises(CustomerNameless):
        await request(db)
    with pytest.raises(NoKycProvider):
        await request_check(db, KEYS, a_cause(), customer_id=CUSTOMER, provider=None)
    assert await checks(db) == []


@pytest.mark.parametrize("role", [Role.VIEWER, Role.DISPATCHER, Role.APPROVER, Role.REVIEWER])
async def test_who_may_not_manage_kyc_changes_nothing(db: Database, role: Role) -> None:
    await register(db)
    with pytest.raises(PermissionMissing):
        await request(db, a_cause(role))
    with pytest.raises(PermissionMissing):
        await by_hand(db, KycStatus.VERIFIED, a_cause(role))
    assert await status(db) == KycStatus.UNVERIFIED
