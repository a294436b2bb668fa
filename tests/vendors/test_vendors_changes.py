"""Where a vendor's money goes changes only when somebody else approves it."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.builders import NOON
from tests.vendors.vendors_building import (
    NEW_IBAN,
    PAUSE,
    VENDOR,
    House,
    a_payout,
    approver,
    clerk,
    somebody,
)

from paywright.approvals import policy
from paywright.approvals.decide import FourEyes
from paywright.approvals.delegate import NewDelegation, delegate
from paywright.core.actor import SYSTEM, Permission, PermissionMissing
from paywright.core.ids import VendorChangeId
from paywright.idempotency import KeyReused
from paywright.identity.permissions import Role
from paywright.rulesets.load import load_rule_set
from paywright.vendors import rules, sealing
from paywright.vendors.block import set_vendor_status
from paywright.vendors.expire_changes import expire_changes
from paywright.vendors.model import ChangeStatus, VendorStatus
from paywright.vendors.refusals import (
    ChangeDiffers,
    ChangeNotPending,
    ChangePending,
    NoSuchVendor,
    NoSuchVendorChange,
    PayoutUnchanged,
    VendorNotActive,
)
from paywright.vendors.reject_change import reject_change
from paywright.vendors.views import get_change, list_changes
from paywright.vendors.withdraw_change import withdraw_change

EXPIRY = NOON + rules.CHANGE_LIFE


@pytest.fixture(autouse=True)
async def vendor(house: House) -> None:
    await house.register()


async def test_nothing_leaves_from_the_request_until_a_while_after_the_approval(
    house: House,
) -> None:
    change = (await house.ask()).seen.change
    asked = await house.vendor()
    assert (asked.paused_until, asked.payout_version) == (EXPIRY, 1)
    taken = await house.approve(change)
    now = await house.vendor()
    assert (taken.status, taken.decided_by) == (ChangeStatus.APPROVED, "usr_ada")
    assert now.paused_until == NOON + timedelta(hours=1) + PAUSE
    assert (now.payout_version, now.payout_masked) == (2, "AT…3201")
    assert now.payout_changed_at == NOON + timedelta(hours=1)
    payout = sealing.unseal(house.app.keys, VENDOR, now.payout)
    assert (payout.iban, payout.country) == (NEW_IBAN, "AT")
    types = [it.type for it in await house.events(change.id)]
    assert types == ["vendor_change.requested", "approval.given", "vendor_change.approved"]


async def test_a_change_that_comes_to_nothing_leaves_the_pause_that_was_there(
    house: House,
) -> None:
    first = (await house.ask()).seen.change
    await house.approve(first)
    paused = (await house.vendor()).paused_until
    second = (await house.ask(clerk(hours=2), key="k2", iban="NL91ABNA0417164300")).seen.change
    assert (await house.vendor()).paused_until == EXPIRY + timedelta(hours=2)
    rejected = await reject_change(
        house.db, approver(hours=3), change_id=second.id, reason="They know nothing of it."
    )
    now = await house.vendor()
    assert (rejected.status, rejected.decided_why) == (
        ChangeStatus.REJECTED, "They know nothing of it.",
    )  # fmt: skip
    assert (now.paused_until, now.payout_version) == (paused, 2)
    third = (await house.ask(clerk(hours=4), key="k3", name="Other")).seen.change
    await withdraw_change(house.db, clerk(hours=5), change_id=third.id)
    assert (await house.vendor()).paused_until == paused
    assert "They know nothing of it." not in await house.everything_written()


async def test_without_a_pause_the_new_account_is_paid_at_once(house: House) -> None:
    await house.approve((await house.ask()).seen.change, pause=timedelta())
    assert (await house.vendor()).paused_until is None


async def test_who_asked_does_not_approve_whatever_the_role_and_the_key(house: House) -> None:
    boss = somebody(Role.ADMIN, "usr_boss")
    change = (await house.ask(boss)).seen.change
    key = msgspec.structs.replace(boss.actor, id="key_other")
    for actor in (boss.actor, key):
        cause = msgspec.structs.replace(boss, actor=actor)
        with pytest.raises(FourEyes):
            await house.approve(change, cause)
        with pytest.raises(FourEyes):
            await reject_change(house.db, cause, change_id=change.id, reason="r")
    assert (await house.vendor()).payout_version == 1
    other = somebody(Role.ADMIN, "usr_other", hours=1)
    assert (await house.approve(change, other)).status is ChangeStatus.APPROVED


async def test_neither_the_system_nor_who_lacks_the_right_approves(house: House) -> None:
    change = (await house.ask()).seen.change
    system = msgspec.structs.replace(approver(), actor=SYSTEM)
    for cause in (system, somebody(Role.VIEWER), somebody(Role.OPERATOR, "usr_second")):
        with pytest.raises(PermissionMissing):
            await house.approve(change, cause)
        with pytest.raises(PermissionMissing):
            await reject_change(house.db, cause, change_id=change.id, reason="r")
    with pytest.raises(PermissionMissing):
        await withdraw_change(house.db, approver(), change_id=change.id)


async def test_a_delegation_lets_somebody_approve_and_not_what_the_delegator_asked_for(
    house: House,
) -> None:
    boss, viewer = somebody(Role.ADMIN, "oidc:boss"), somebody(Role.VIEWER, "oidc:stand-in")
    await delegate(
        house.db,
        boss,
        wanted=NewDelegation(
            delegate="oidc:stand-in", reason="A holiday.", expires_at=NOON + timedelta(days=5)
        ),
        key="d1",
        render=lambda _: b"{}",
    )
    own = (await house.ask(boss)).seen.change
    with pytest.raises(FourEyes):
        await house.approve(own, viewer)
    await withdraw_change(house.db, boss, change_id=own.id)
    other = (await house.ask(key="k2")).seen.change
    assert (await house.approve(other, viewer)).status is ChangeStatus.APPROVED
    given = (await house.events(other.id))[1]
    assert (given.data["principal"], given.actor) == ("oidc:boss", "oidc:stand-in")


async def test_an_approval_is_bound_to_what_was_looked_at(house: House) -> None:
    first = (await house.ask()).seen.change
    await withdraw_change(house.db, clerk(), change_id=first.id)
    second = (await house.ask(key="k2")).seen.change
    assert first.content_hash != second.content_hash  # the same details, and another change
    with pytest.raises(ChangeDiffers):
        await house.approve(second, content_hash=first.content_hash)
    with pytest.raises(ChangeDiffers):
        await house.approve(second, content_hash=b"\0" * 32)


async def test_what_somebody_wrote_into_the_table_is_not_approved(house: House) -> None:
    change = (await house.ask()).seen.change
    forged = sealing.seal(house.app.keys, VENDOR, a_payout(iban="NL91ABNA0417164300"))
    async with house.db.transaction() as tx:
        await tx.execute("update vendor_changes set payout = $1", forged)
    with pytest.raises(ChangeDiffers):
        await house.approve(change)
    assert (await house.vendor()).payout_version == 1


async def test_two_approvers_are_waited_for_where_the_policies_ask_for_them(house: House) -> None:
    source = policy.default_source().replace(
        "then: {approvers: 1, reason: New bank details need an approver.}",
        "then: {approvers: 2, reason: New bank details need two approvers.}",
    )
    await load_rule_set(
        house.db, somebody(Role.ADMIN), source=source, schemas=policy.SCHEMAS,
        expected_name=policy.RULE_SET,
    )  # fmt: skip
    change = (await house.ask()).seen.change
    assert (await house.approve(change)).status is ChangeStatus.PENDING
    seen = await get_change(
        house.db, house.app.keys, house.app.approval_rules, approver(hours=1), change_id=change.id
    )
    assert (seen.approvals_needed, seen.approvals_missing) == (2, 1)
    assert [it.person for it in seen.votes] == ["usr_ada"]
    ben = approver("usr_ben", hours=2)
    assert (await house.approve(change, ben)).status is ChangeStatus.APPROVED


async def test_there_is_one_change_of_a_vendor_at_a_time(house: House) -> None:
    change = (await house.ask()).seen.change
    with pytest.raises(ChangePending) as refused:
        await house.ask(key="k2", iban="NL91ABNA0417164300")
    assert refused.value.extra == {"change_id": str(change.id)}
    assert (await house.vendor()).paused_until == EXPIRY


async def test_the_same_request_again_gets_the_same_answer(house: House) -> None:
    first = await house.ask()
    await house.approve(first.seen.change)
    again = await house.ask(clerk(hours=3))
    assert (first.replayed, again.replayed) == (False, True)
    assert again.seen == first.seen  # as it was then, though it is approved by now
    with pytest.raises(KeyReused) as refused:
        await house.ask(clerk(hours=3), name="Somebody Else")
    assert refused.value.extra == {"fields": ["payout"]}


async def test_what_changes_nothing_is_refused(house: House) -> None:
    with pytest.raises(PayoutUnchanged):
        await house.ask(iban="de89 3704 0044 0532 0130 00")
    assert (await house.vendor()).paused_until is None
    only_the_case = await house.ask(iban="DE89370400440532013000", name="LINDGREN DACH AB")
    assert only_the_case.seen.differs_in == ("name",)


async def test_accounts_of_providers_differ_by_case(house: House) -> None:
    at_stripe: dict[str, Any] = {"iban": None, "bank": "stripe"}
    payout = a_payout(**at_stripe, provider_account="acct_1AbCd")
    await house.register(id="ven_stripe", payout=payout)
    asked = await house.ask(vendor_id="ven_stripe", **at_stripe, provider_account="acct_1ABcd")
    assert asked.seen.differs_in == ("provider_account",)
    with pytest.raises(KeyReused):
        await house.ask(vendor_id="ven_stripe", **at_stripe, provider_account="acct_1abcd")


async def test_two_accounts_that_look_alike_are_told_apart(house: House) -> None:
    await house.register(
        id="ven_gb", payout=a_payout(iban=None, account_number="1111193000", bic="ABCDDEFF")
    )
    asked = await house.ask(
        vendor_id="ven_gb", iban=None, account_number="1122293000", bic="ABCDDEFF"
    )
    assert asked.seen.old.account_masked == asked.seen.new.account_masked == "11…3000"
    assert asked.seen.differs_in == ("account_number",)


async def test_a_blocked_vendor_keeps_its_account(house: House) -> None:
    change = (await house.ask()).seen.change
    await set_vendor_status(
        house.db, clerk(), vendor_id=VENDOR, status=VendorStatus.BLOCKED, reason="a letter"
    )
    with pytest.raises(VendorNotActive):
        await house.approve(change)
    await withdraw_change(house.db, clerk(), change_id=change.id)
    with pytest.raises(VendorNotActive):
        await house.ask(key="k2")


async def test_what_is_not_there_is_said(house: House) -> None:
    with pytest.raises(NoSuchVendor):
        await house.ask(vendor_id="ven_none")
    none = VendorChangeId.new(NOON)
    with pytest.raises(NoSuchVendorChange):
        await withdraw_change(house.db, clerk(), change_id=none)


async def test_a_change_that_nobody_approves_expires(house: House) -> None:
    change = (await house.ask()).seen.change
    late = rules.CHANGE_LIFE
    with pytest.raises(ChangeNotPending, match="time is over"):
        await house.approve(change, approver(days=late.days))
    system = msgspec.structs.replace(clerk(), actor=SYSTEM)
    almost = msgspec.structs.replace(system, at=EXPIRY - timedelta(seconds=1))
    assert await expire_changes(house.db, almost) == 0
    due = msgspec.structs.replace(system, at=EXPIRY)
    assert await expire_changes(house.db, due) == 1
    assert await expire_changes(house.db, due) == 0
    assert (await house.vendor()).paused_until is None
    page = await list_changes(
        house.db, house.app.keys, approver(), status=ChangeStatus.EXPIRED, limit=5
    )
    assert [it.change.id for it in page.items] == [change.id]
    assert [it.type for it in await house.events(change.id)] == [
        "vendor_change.requested", "vendor_change.expired",
    ]  # fmt: skip
    assert (await house.ask(clerk(days=15), key="k2")).seen.change.status is ChangeStatus.PENDING


async def test_lists_are_in_the_order_of_age(house: House) -> None:
    ids = []
    for n in range(3):
        await house.register(id=f"ven_{n}")
        asked = await house.ask(clerk(minutes=n), key=f"k{n}", vendor_id=f"ven_{n}")
        ids.append(asked.seen.change.id)
    keys = house.app.keys
    first = await list_changes(house.db, keys, approver(), limit=2)
    rest = await list_changes(house.db, keys, approver(), cursor=first.next_cursor, limit=2)
    assert [it.change.id for it in [*first.items, *rest.items]] == ids
    for change_id in ids:
        await withdraw_change(house.db, clerk(minutes=9), change_id=change_id)
    gone = await list_changes(house.db, keys, approver(), status=ChangeStatus.WITHDRAWN, limit=2)
    assert [it.change.id for it in gone.items] == ids[:0:-1]
    of_one = await list_changes(
        house.db, keys, approver(), status=ChangeStatus.WITHDRAWN, vendor_id="ven_1", limit=5
    )
    assert [it.change.id for it in of_one.items] == [ids[1]]


async def test_another_vendor_with_the_new_account_is_named(house: House) -> None:
    await house.register(id="ven_other", payout=a_payout(iban=NEW_IBAN))
    change = (await house.ask()).seen.change
    seen = await get_change(
        house.db, house.app.keys, house.app.approval_rules, approver(), change_id=change.id
    )
    assert seen.shares_account_with == ("ven_other",)


async def test_of_many_who_decide_at_once_one_wins(house: House) -> None:
    for n in range(6):
        await house.register(id=f"ven_{n}")
        change = (await house.ask(key=f"k{n}", vendor_id=f"ven_{n}")).seen.change
        deciders = [
            house.approve(change, approver("usr_ada", hours=1)),
            house.approve(change, approver("usr_ben", hours=1)),
            withdraw_change(house.db, clerk(hours=1), change_id=change.id),
            reject_change(house.db, approver("usr_eve"), change_id=change.id, reason="r"),
        ]
        outcomes = await asyncio.gather(*deciders, return_exceptions=True)
        won = [it for it in outcomes if not isinstance(it, BaseException)]
        lost = [it for it in outcomes if isinstance(it, ChangeNotPending)]
        assert (len(won), len(lost)) == (1, 3), outcomes
        vendor = await house.vendor(f"ven_{n}")
        was_approved = won[0].status is ChangeStatus.APPROVED
        assert vendor.payout_version == (2 if was_approved else 1)
        assert (vendor.paused_until is not None) == was_approved


async def test_of_many_who_ask_at_once_one_wins(house: House) -> None:
    asked = [house.ask(key=f"k{n}") for n in range(4)] + [house.ask(key="k0")]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    changes = {it.seen.change.id for it in outcomes if not isinstance(it, BaseException)}
    assert len(changes) == 1
    assert all(isinstance(it, ChangePending) for it in outcomes if isinstance(it, BaseException)), (
        outcomes
    )


async def test_an_expiry_and_an_approval_do_not_both_happen(house: House) -> None:
    change = (await house.ask()).seen.change
    due = msgspec.structs.replace(clerk(), at=EXPIRY)
    just_in_time = msgspec.structs.replace(approver(), at=EXPIRY - timedelta(microseconds=1))
    await asyncio.gather(
        house.approve(change, just_in_time), expire_changes(house.db, due), return_exceptions=True
    )
    await expire_changes(house.db, due)
    vendor = await house.vendor()
    seen = await get_change(
        house.db, house.app.keys, house.app.approval_rules, approver(), change_id=change.id
    )
    if seen.change.status is ChangeStatus.APPROVED:
        assert vendor.payout_version == 2
    else:
        assert (seen.change.status, vendor.payout_version) == (ChangeStatus.EXPIRED, 1)
        assert vendor.paused_until is None


async def test_reading_needs_its_permission(house: House) -> None:
    nobody = msgspec.structs.replace(
        approver(), actor=msgspec.structs.replace(SYSTEM, permissions=frozenset(
            {Permission.MANAGE_VENDORS}))
    )  # fmt: skip
    with pytest.raises(PermissionMissing):
        await list_changes(house.db, house.app.keys, nobody, limit=1)
