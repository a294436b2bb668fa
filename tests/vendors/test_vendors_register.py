"""Vendors are registered, corrected and blocked, and their bank details stay as they were."""

import asyncio

import pytest
from tests.vendors.vendors_building import (
    NEW_IBAN,
    OLD_IBAN,
    VENDOR,
    House,
    a_payout,
    approver,
    clerk,
)

from paywright.core.actor import PermissionMissing
from paywright.core.errors import Problem
from paywright.vendors import sealing
from paywright.vendors.block import set_vendor_status
from paywright.vendors.model import PayoutMode, VendorStatus
from paywright.vendors.refusals import (
    NoSuchVendor,
    PayoutDiffers,
    PayoutInvalid,
    PayoutMissing,
    VendorNameInvalid,
)
from paywright.vendors.views import get_vendor, list_vendors


def fields_of(problem: Problem) -> list[str]:
    errors = problem.extra["errors"]
    assert isinstance(errors, list)
    return [it.field for it in errors]


async def test_the_same_registration_again_changes_nothing(house: House) -> None:
    first, new = await house.register()
    again, new_again = await house.register(clerk(days=1))
    assert (new, new_again) == (True, False)
    assert again == first
    assert [it.type for it in await house.events(VENDOR)] == ["vendor.registered"]


async def test_terms_may_be_corrected_and_bank_details_left_out(house: House) -> None:
    await house.register()
    vendor, new = await house.register(
        clerk(days=1), name=" Lindgren   Dach & Fach ", payout=None, payout_mode=PayoutMode.RUN,
        terms_days=30,
    )  # fmt: skip
    assert not new
    assert (vendor.name, vendor.payout_mode, vendor.terms_days) == (
        "Lindgren Dach & Fach", PayoutMode.RUN, 30,
    )  # fmt: skip
    changed = (await house.events(VENDOR))[-1]
    assert changed.type == "vendor.changed"
    assert changed.data == {"fields": ["name", "payout_mode", "terms_days"]}


@pytest.mark.parametrize(
    ("payout", "fields"),
    [
        ({"iban": NEW_IBAN}, ["iban", "country"]),
        ({"name": "LINDGREN DACH AB"}, ["name"]),
        ({"bank": "bank_files"}, ["bank"]),
    ],
    ids=["another-account", "the-case-of-the-name", "another-way"],
)
async def test_other_bank_details_are_refused_where_terms_are_corrected(
    house: House, payout: dict[str, str], fields: list[str]
) -> None:
    before, _ = await house.register()
    with pytest.raises(PayoutDiffers, match="payout-changes") as refused:
        await house.register(name="Other Name", payout=a_payout(**payout))
    assert refused.value.extra["fields"] == tuple(fields)
    assert await house.vendor() == before


async def test_the_same_account_written_otherwise_is_the_same(house: House) -> None:
    before, _ = await house.register()
    spaced = " ".join(OLD_IBAN[i : i + 4] for i in range(0, len(OLD_IBAN), 4)).lower()
    again, new = await house.register(payout=a_payout(iban=spaced))
    assert (again, new) == (before, False)


async def test_of_two_who_register_one_vendor_at_once_one_is_first(house: House) -> None:
    told = [a_payout(), a_payout(iban=NEW_IBAN)] * 4
    outcomes = await asyncio.gather(
        *(house.register(payout=it) for it in told), return_exceptions=True
    )
    made = [it for it in outcomes if isinstance(it, tuple) and it[1]]
    same = [it for it in outcomes if isinstance(it, tuple) and not it[1]]
    refused = [it for it in outcomes if isinstance(it, PayoutDiffers)]
    assert (len(made), len(same), len(refused)) == (1, 3, 4)
    assert len(await house.events(VENDOR)) == 1


@pytest.mark.parametrize(
    "name",
    ["", "   ", "x" * 141, "Lind\u202egren", "Lind\x00gren", "Lind\x07gren", "Lind\u200bgren"],
    ids=["empty", "blank", "long", "turned", "nul", "bell", "unseen"],
)
async def test_a_name_that_reads_as_another_is_refused(house: House, name: str) -> None:
    with pytest.raises(VendorNameInvalid):
        await house.register(name=name)
    with pytest.raises(PayoutInvalid) as refused:
        await house.register(payout=a_payout(name=name))
    assert fields_of(refused.value) == ["payout.name"]


@pytest.mark.parametrize(
    ("payout", "field"),
    [
        ({"iban": "FR1420041010050500013M02607"}, "payout.iban"),
        ({"iban": "ZZ89370400440532013000"}, "payout.iban"),
        ({"iban": None}, "payout.iban"),
        ({"iban": None, "account_number": "12345678"}, "payout.bic"),
        ({"country": "FR"}, "payout.country"),
        ({"bank": "stripe"}, "payout.provider_account"),
        ({"bank": "nobody"}, "payout.bank"),
        ({"iban": None, "provider_account": "acct_1"}, "payout.provider_account"),
        ({"bank": "bank_files", "iban": None, "provider_account": "acct_1"},
         "payout.provider_account"),
    ],
    ids=["check-digits", "country-without", "nothing", "no-bic", "other-country",
         "bank-account-at-stripe", "unknown-bank", "own-account-at-bank", "own-account-in-file"],
)  # fmt: skip
async def test_an_account_that_nobody_can_pay_to_is_refused_by_its_field(
    house: House, payout: dict[str, str | None], field: str
) -> None:
    with pytest.raises(PayoutInvalid) as refused:
        await house.register(payout=a_payout(**payout))
    assert fields_of(refused.value) == [field]


async def test_a_provider_may_keep_the_account_itself(house: House) -> None:
    payout = a_payout(iban=None, bank="stripe", provider_account="acct_1AbCdEfGh")
    vendor, _ = await house.register(payout=payout)
    assert vendor.payout_masked == "ac…EfGh"


async def test_a_new_vendor_needs_bank_details(house: House) -> None:
    with pytest.raises(PayoutMissing):
        await house.register(payout=None)


async def test_bank_details_are_nowhere_in_the_clear(house: House) -> None:
    await house.register()
    await house.ask()
    async with house.db.pool.acquire() as connection:
        rows = await connection.fetch(
            "select v::text as t from vendors v union all select c::text from vendor_changes c"
            " union all select i::text from idempotency_keys i"
        )
    written = "\n".join([row["t"] for row in rows]) + await house.everything_written()
    for secret in (OLD_IBAN, NEW_IBAN, "Lindgren Dach AB", OLD_IBAN.encode().hex()):
        assert secret not in written


async def test_what_is_sealed_for_one_vendor_opens_for_no_other(house: House) -> None:
    token = sealing.seal(house.app.keys, "ven_a", a_payout())
    assert sealing.unseal(house.app.keys, "ven_a", token) == a_payout()
    with pytest.raises(Exception, match="not authentic"):
        sealing.unseal(house.app.keys, "ven_b", token)


async def test_vendors_with_one_account_are_named(house: House) -> None:
    await house.register()
    await house.register(id="ven_other", payout=a_payout(name="Somebody Else"))
    await house.register(id="ven_third", payout=a_payout(iban=NEW_IBAN))
    seen = await get_vendor(house.db, house.app.keys, approver(), vendor_id=VENDOR)
    assert seen.shares_account_with == ("ven_other",)
    assert seen.payout.account_masked == "DE…3000"


async def test_blocking_is_safe_to_repeat_and_keeps_its_reason(house: House) -> None:
    await house.register()

    async def becomes(status: VendorStatus, reason: str) -> tuple[VendorStatus, str | None]:
        it = await set_vendor_status(
            house.db, clerk(), vendor_id=VENDOR, status=status, reason=reason
        )
        return it.status, it.status_reason

    assert await becomes(VendorStatus.BLOCKED, "a letter") == (VendorStatus.BLOCKED, "a letter")
    assert await becomes(VendorStatus.BLOCKED, "another") == (VendorStatus.BLOCKED, "a letter")
    assert await becomes(VendorStatus.ACTIVE, "settled") == (VendorStatus.ACTIVE, "settled")
    types = [it.type for it in await house.events(VENDOR)]
    assert types == ["vendor.registered", "vendor.blocked", "vendor.unblocked"]
    assert "a letter" not in await house.everything_written()
    with pytest.raises(NoSuchVendor):
        await set_vendor_status(
            house.db, clerk(), vendor_id="ven_none", status=VendorStatus.BLOCKED, reason="r"
        )


async def test_lists_are_paged_by_id_and_found_by_a_part_of_the_name(house: House) -> None:
    for n, name in enumerate(("Fensterbau Ost", "Dach 100%", "dachdecker_West", "Rohre")):
        await house.register(id=f"ven_{n}", name=name)
    first = await list_vendors(house.db, approver(), limit=3)
    rest = await list_vendors(house.db, approver(), cursor=first.next_cursor, limit=3)
    assert [it.id for it in [*first.items, *rest.items]] == ["ven_0", "ven_1", "ven_2", "ven_3"]
    assert rest.next_cursor is None
    for part, found in (("dach", ["ven_1", "ven_2"]), ("%", ["ven_1"]), ("_", ["ven_2"])):
        page = await list_vendors(house.db, approver(), name=part, limit=10)
        assert [it.id for it in page.items] == found
    blocked = await list_vendors(house.db, approver(), status=VendorStatus.BLOCKED, limit=10)
    assert blocked.items == []


async def test_only_who_manages_vendors_registers_them(house: House) -> None:
    with pytest.raises(PermissionMissing):
        await house.register(approver())
