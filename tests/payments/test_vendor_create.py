"""Entering vendor payments: once each, checked, and compared with what was entered before."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from tests.builders import an_actor, eur
from tests.ledger.building import opened
from tests.payments.paying import Office, an_office, settings_of, somebody
from tests.simulator.simulating import Simulator

from paywright.batching import Coalescer
from paywright.core.actor import Permission, PermissionMissing
from paywright.core.cause import Cause
from paywright.core.errors import Problem
from paywright.core.ids import AccountId, PaymentId
from paywright.core.money import Money
from paywright.db.pool import Database
from paywright.events.store import history
from paywright.idempotency import KeyReused
from paywright.identity.permissions import Role
from paywright.ledger.model import AccountKind, AccountStatus
from paywright.payments.charge import ReferenceInUse
from paywright.payments.orders import Answered
from paywright.payments.vendor.checks import PaymentOpen, VendorPaymentInvalid, wrong_fields
from paywright.payments.vendor.create import NewPayment, Override, create_payments
from paywright.payments.vendor.model import Line, Terms
from paywright.payments.vendor.overriding import DuplicateBill
from paywright.payments.vendor.refusals import VendorBlocked
from paywright.payments.vendor.views import get_details

Outcome = Answered | Problem
MANY = 5_000
HUGE = 2**63 - 1
TERMS = Terms(
    payer_types=("back_office", "driver"),
    duplicate_window=timedelta(days=120),
    remind_after=None,
    expires_after=None,
    retries=0,
    retry_after=timedelta(0),
)


@pytest.fixture
async def office(database_url: str, simulator: Simulator) -> AsyncIterator[Office]:
    async with an_office(database_url, settings_of(simulator)) as office:
        yield office


def a_bill(key: str = "bill-1", minor: int = 12_000, **changes: Any) -> NewPayment:
    fields = {
        "cause": somebody("usr_dora", Role.DISPATCHER),
        "key": key,
        "vendor_id": "nordlicht",
        "amount": eur(minor),
        "payer_type": "driver",
        "lines": (Line("Towing", 1, minor),),
    }
    return NewPayment(**fields | changes)


async def enter(office: Office, *asked: NewPayment, db: Database | None = None) -> list[Outcome]:
    app = office.app
    return await create_payments(
        db or app.db,
        app.approval_rules,
        app.vendor_terms,
        asked,
        render=lambda it: str(it.id).encode(),
    )


def id_of(outcome: Outcome) -> PaymentId:
    assert isinstance(outcome, Answered), outcome
    return PaymentId.parse(outcome.answer.body.decode())


async def counted(office: Office) -> tuple[int, int]:
    fetchval = office.app.db.pool.fetchval
    both = "select count(*) from payments where kind = 'vendor_payment'"
    return await fetchval(both), await fetchval("select count(*) from vendor_payments")


async def refused(office: Office, **changes: Any) -> list[str]:
    """The fields that are named."""
    (outcome,) = await enter(office, a_bill(**changes))
    assert isinstance(outcome, VendorPaymentInvalid), outcome
    assert await counted(office) == (0, 0)
    errors: Any = outcome.extra["errors"]
    return [it.field for it in errors]


async def test_a_payment_is_put_on_file_as_it_was_entered(office: Office) -> None:
    asked = a_bill(
        lines=(Line("Towing", 2, 5_000), Line("Night rate", 1, 2_000), Line("Advice", 3, 0)),
        incident_id="inc_7",
        work_order="WO-77",
        bill_number="INV-0042",
        bill_date=date(2026, 1, 2),
        due_date=date(2026, 2, 1),
        reference="ref-1",
        description="Größe ½",
        metadata={"truck": "7", "empty": ""},
    )
    payment_id = id_of((await enter(office, asked))[0])
    found = (await get_details(office.app.db, asked.cause, payment_id=payment_id)).payment
    for field in ("vendor_id", "amount", "payer_type", "lines", "incident_id", "work_order"):
        assert getattr(found.contents, field) == getattr(asked, field)
    for field in ("bill_number", "bill_date", "due_date", "reference", "description", "metadata"):
        assert getattr(found.contents, field) == getattr(asked, field)
    assert (found.created_by, found.makers, found.revision) == ("usr_dora", ("usr_dora",), 1)
    assert (found.approvals_needed, list(found.votes)) == (1, [])
    assert found.created_at == asked.cause.at
    async with office.app.db.snapshot() as tx:
        (event,) = await history(tx, str(payment_id))
    assert event.type == "payment.created"
    assert event.data["content_hash"] == found.content_hash.hex()
    assert not {"description", "metadata", "bill_number"} & event.data.keys()


async def test_the_same_request_again_enters_nothing(office: Office) -> None:
    (first,) = await enter(office, a_bill())
    (again,) = await enter(office, a_bill())
    assert id_of(again) == id_of(first)
    assert isinstance(again, Answered)
    assert again.replayed
    (other,) = await enter(office, a_bill(minor=13_000))
    assert isinstance(other, KeyReused)
    assert await counted(office) == (1, 1)


async def test_one_key_in_one_batch_enters_one_payment(office: Office) -> None:
    told = await enter(office, *(a_bill() for _ in range(5)))
    assert len({id_of(it) for it in told}) == 1
    assert await counted(office) == (1, 1)


async def test_many_connections_with_one_key_enter_one_payment(office: Office) -> None:
    told = await asyncio.gather(*(enter(office, a_bill()) for _ in range(8)))
    assert len({id_of(it) for (it,) in told}) == 1
    assert await counted(office) == (1, 1)


async def test_many_connections_for_one_incident_enter_one_payment(office: Office) -> None:
    asked = [a_bill(f"bill-{i}", minor=1_000 * i + 7, incident_id="inc_1") for i in range(1, 9)]
    told = [it for (it,) in await asyncio.gather(*(enter(office, it) for it in asked))]
    made = [id_of(it) for it in told if isinstance(it, Answered)]
    assert len(made) == 1
    for it in told:
        if not isinstance(it, Answered):
            assert isinstance(it, PaymentOpen)
            assert it.extra["payment_id"] == str(made[0])
    assert await counted(office) == (1, 1)


async def test_of_one_batch_for_one_incident_the_first_wins_and_others_go_on(
    office: Office,
) -> None:
    first, second, third, fourth = await enter(
        office,
        a_bill("a", 1_001, incident_id="inc_1"),
        a_bill("b", 2_002, incident_id="inc_1"),
        a_bill("c", 3_003, incident_id="inc_2"),
        a_bill("d", 0),
    )
    assert isinstance(second, PaymentOpen)
    assert second.extra["payment_id"] == str(id_of(first))
    assert id_of(third)
    assert isinstance(fourth, VendorPaymentInvalid)
    assert await counted(office) == (2, 2)


async def test_a_bill_that_was_entered_before_is_refused_and_named(office: Office) -> None:
    (first,) = await enter(office, a_bill("a", bill_number="INV-0042"))
    (second,) = await enter(office, a_bill("b", bill_number="inv 42"))
    assert isinstance(second, DuplicateBill)
    named: Any = second.extra["resembles"]
    assert named["payment_id"] == str(id_of(first))
    assert (named["bill_number"], named["amount_minor"]) == ("INV-0042", 12_000)
    assert named["score"] > 0.8
    assert named["reasons"]
    assert await counted(office) == (1, 1)


async def test_only_an_override_of_that_very_bill_lets_it_through(office: Office) -> None:
    (first,) = await enter(office, a_bill("a", bill_number="INV-0042"))
    known = id_of(first)
    again = {"key": "b", "bill_number": "INV-0042"}
    other = Override(PaymentId.new(datetime.now(UTC)), "it is another one")
    (wrong,) = await enter(office, a_bill(**again, override=other))
    assert isinstance(wrong, DuplicateBill)
    for reason in ("", "a\0b", "x" * 501, " "):
        (vague,) = await enter(office, a_bill(**again, override=Override(known, reason)))
        assert isinstance(vague, VendorPaymentInvalid)
    (right,) = await enter(office, a_bill(**again, override=Override(known, "second truck")))
    found = await office.see(id_of(right))
    assert (found.resembles, found.override_reason) == (known, "second truck")
    assert found.approvals_needed == 2


async def test_two_people_with_one_bill_at_once_enter_it_once(office: Office) -> None:
    for round_ in range(5):
        number = f"INV-90{round_}7"
        asked = [
            a_bill(f"{round_}-{i}", minor=7_000 + round_, bill_number=number) for i in range(4)
        ]
        told = [it for (it,) in await asyncio.gather(*(enter(office, it) for it in asked))]
        assert sum(isinstance(it, Answered) for it in told) == 1
        assert sum(isinstance(it, DuplicateBill) for it in told) == 3


async def test_one_bill_twice_in_a_batch_is_entered_once(office: Office) -> None:
    first, second = await enter(office, a_bill("a", bill_number="1"), a_bill("b", bill_number="01"))
    assert isinstance(second, DuplicateBill)
    third, fourth = await enter(office, a_bill("c", minor=555), a_bill("d", minor=555))
    assert id_of(first) != id_of(third)
    assert isinstance(fourth, DuplicateBill)


async def test_a_reference_is_one_payments(office: Office) -> None:
    asked = [a_bill(f"r-{i}", minor=1_000 * i, reference="ref-1") for i in range(1, 6)]
    told = await enter(office, *asked[:3])
    assert [isinstance(it, ReferenceInUse) for it in told] == [False, True, True]
    (late,) = await enter(office, asked[3])
    assert isinstance(late, ReferenceInUse)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"amount": eur(0)}, ["amount_minor"]),
        ({"amount": eur(-5)}, ["amount_minor"]),
        ({"lines": ()}, ["lines"]),
        ({"minor": 201, "lines": (Line("x", 1, 1),) * 201}, ["lines"]),
        ({"lines": (Line("x", 0, 12_000),)}, ["lines[0].quantity"]),
        ({"lines": (Line("x", 1, 12_000), Line("x", -1, 0))}, ["lines[1].quantity"]),
        ({"lines": (Line("x", 1, -1),)}, ["lines[0].unit_price_minor"]),
        ({"lines": (Line("x", HUGE, HUGE),)}, ["lines"]),
        ({"lines": (Line("x", HUGE, 1), Line("x", 1, 1))}, ["lines"]),
        ({"lines": (Line("x", 2**64, 1),)}, ["lines[0].quantity"]),
        ({"lines": (Line("x", 1, 12_001),)}, ["amount_minor"]),
        ({"lines": (Line("", 1, 12_000),)}, ["lines[0].description"]),
        ({"lines": (Line("a\tb", 1, 12_000),)}, ["lines[0].description"]),
        ({"lines": (Line("x" * 201, 1, 12_000),)}, ["lines[0].description"]),
        ({"payer_type": "nobody"}, ["payer_type"]),
        ({"vendor_id": "a b"}, ["vendor_id"]),
        ({"incident_id": "inc 1"}, ["incident_id"]),
        ({"reference": "a b"}, ["reference"]),
        ({"work_order": "x" * 65}, ["work_order"]),
        ({"work_order": "a\x00b"}, ["work_order"]),
        ({"bill_number": ""}, ["bill_number"]),
        ({"bill_number": "---"}, ["bill_number"]),
        ({"bill_number": "\u202e42"}, ["bill_number"]),
        ({"description": "  "}, ["description"]),
        ({"description": "x" * 501}, ["description"]),
        ({"bill_date": date(1899, 12, 31)}, ["bill_date"]),
        ({"due_date": date(3000, 1, 1)}, ["due_date"]),
        ({"bill_date": date(2026, 2, 1), "due_date": date(2026, 1, 31)}, ["due_date"]),
        ({"metadata": {str(i): "" for i in range(51)}}, ["metadata"]),
        ({"metadata": {"": "x"}}, ["metadata"]),
        ({"metadata": {"k" * 41: "x"}}, ["metadata"]),
        ({"metadata": {"k": "x" * 501}}, ["metadata.k"]),
        ({"metadata": {"k": "\x1b[31m"}}, ["metadata.k"]),
        ({"amount": eur(-1), "lines": (), "payer_type": "x"},
         ["amount_minor", "lines", "payer_type"]),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_by_field(
    changes: dict[str, Any], fields: list[str]
) -> None:
    wrong = wrong_fields(a_bill(**changes), TERMS)
    assert wrong is not None
    errors: Any = wrong.extra["errors"]
    assert sorted(it.field for it in errors) == sorted(fields)


async def test_what_the_books_do_not_have_is_refused_by_field(office: Office) -> None:
    assert await refused(office, vendor_id="unknown") == ["vendor_id"]
    assert await refused(office, amount=Money(12_000, "USD")) == ["currency"]
    assert await refused(office, debit_account_id=AccountId(int=7)) == ["debit_account_id"]
    both = {"vendor_id": "unknown", "amount": Money(12_000, "USD")}
    assert await refused(office, **both) == ["vendor_id", "currency"]
    assert await refused(office, minor=0) == ["amount_minor"]


async def test_the_limits_themselves_are_fine(office: Office) -> None:
    told = await enter(
        office,
        a_bill("a", 200, lines=(Line("x" * 200, 1, 1),) * 200),
        a_bill("b", HUGE, lines=(Line("x", HUGE, 1), Line("free", HUGE, 0))),
        a_bill("c", 3, metadata={f"{i:040}": "v" * 500 for i in range(50)}),
        a_bill("d", 4, bill_date=date(1900, 1, 1), due_date=date(2999, 12, 31)),
        a_bill("e", 5, bill_date=date(2026, 1, 1), due_date=date(2026, 1, 1)),
    )
    assert [type(it) for it in told] == [Answered] * 5


async def test_a_sum_that_is_not_the_amount_is_told_with_both_numbers(office: Office) -> None:
    (outcome,) = await enter(office, a_bill(lines=(Line("x", 3, 5_000),)))
    assert isinstance(outcome, VendorPaymentInvalid)
    assert "12000" in outcome.detail
    assert "15000" in outcome.detail


async def test_it_is_paid_from_an_account_of_our_own_that_is_open(office: Office) -> None:
    db = office.app.db
    ours = {"owner": "paywright"}
    good = await opened(db, **ours, kind=AccountKind.EXPENSE)
    wrong = [
        (await opened(db), "debit_account_id"),
        (await opened(db, **ours, kind=AccountKind.ASSET), "debit_account_id"),
        (await opened(db, **ours, status=AccountStatus.FROZEN), "debit_account_id"),
        (await opened(db, **ours, status=AccountStatus.CLOSED), "debit_account_id"),
        (await opened(db, **ours, currency="USD"), "currency"),
    ]
    for account, field in wrong:
        assert await refused(office, debit_account_id=account.id) == [field]
    (told,) = await enter(office, a_bill(debit_account_id=good.id))
    assert (await office.see(id_of(told))).contents.debit_account_id == good.id


async def test_a_blocked_vendor_and_a_closed_incident_get_nothing(office: Office) -> None:
    pool = office.app.db.pool
    await pool.execute(
        "insert into incidents (id, status, opened_at, closed_at, updated_at) "
        "values ('inc_shut', 'closed', now(), now(), now())"
    )
    assert await refused(office, incident_id="inc_shut") == ["incident_id"]
    await set_vendor_status_of(office, "nordlicht")
    (told,) = await enter(office, a_bill())
    assert isinstance(told, VendorBlocked)
    assert await counted(office) == (0, 0)


async def set_vendor_status_of(office: Office, vendor_id: str) -> None:
    await office.app.db.pool.execute(
        "update vendors set status = 'blocked' where id = $1", vendor_id
    )


async def test_an_incident_that_nobody_told_of_is_put_on_file(office: Office) -> None:
    await enter(office, a_bill(incident_id="inc_new"))
    status = "select status from incidents where id = 'inc_new'"
    assert await office.app.db.pool.fetchval(status) == "open"


async def test_a_bill_is_due_by_the_terms_of_its_vendor(office: Office) -> None:
    await office.register("thirty", terms_days=30)
    told = await enter(
        office,
        a_bill("a", 100, vendor_id="thirty", bill_date=date(2026, 1, 1)),
        a_bill("b", 200, vendor_id="thirty"),
        a_bill("c", 300, vendor_id="thirty", due_date=date(2026, 12, 1)),
        a_bill("d", 400),
    )
    due = [(await office.see(id_of(it))).contents.due_date for it in told]
    today = datetime.now(UTC).date()
    assert due == [date(2026, 1, 31), today + timedelta(days=30), date(2026, 12, 1), None]


async def test_a_key_stands_for_other_requests_in_another_scope(office: Office) -> None:
    first, second = await enter(office, a_bill(minor=700), a_bill(minor=800, scope="events"))
    assert id_of(first) != id_of(second)


async def test_who_may_not_enter_payments_enters_none(office: Office) -> None:
    reader = an_actor(Permission.READ_PAYMENTS)
    cause = Cause(actor=reader, at=datetime.now(UTC), request_id="req_test")
    mine, other = await enter(office, a_bill("a", cause=cause), a_bill("b", minor=77))
    assert isinstance(mine, PermissionMissing)
    assert id_of(other)


async def test_many_at_once_are_entered_together(office: Office) -> None:
    app = office.app

    async def work(items: Any) -> Any:
        return await enter(office, *items)

    desk: Coalescer[NewPayment, Answered] = Coalescer(work, batch_max=64)
    lines = tuple(Line(f"Item {i}", 1, 100 + i) for i in range(10))
    total = sum(it.unit_price_minor for it in lines)
    asked = [
        a_bill(f"m-{i}", total, lines=lines, bill_number=f"INV-{i}", incident_id=f"inc_{i}")
        for i in range(200)
    ]
    told = await asyncio.gather(*(desk.submit(it) for it in asked))
    await desk.close()
    assert len({id_of(it) for it in told}) == 200
    made = "select count(*) from events where type = 'payment.created'"
    assert await app.db.pool.fetchval(made) == 200


async def test_entering_reads_no_more_when_much_is_open_than_when_plans_were_made(
    office: Office,
) -> None:
    def bill(number: int) -> NewPayment:
        return a_bill(f"bill-{number}", 1_000 + number, incident_id=f"inc_{number}")

    for number in range(8):  # from the sixth time on a driver may keep a plan
        await enter(office, bill(number))
    await office.app.db.pool.execute(
        """
        with open as (
            insert into payments (id, kind, status, amount_minor, currency, created_at,
                                  recorded_at, vendor_id, incident_id, payer_type)
            select gen_random_uuid(), 'vendor_payment', 'pending_approval', i, 'EUR', now(), now(),
                   'someone_else', 'inc_' || i, 'driver'
              from generate_series(1, $1::integer) as i
        )
        insert into idempotency_keys (scope, key, fingerprint, status, body, created_at)
        select 'elsewhere', 'key-' || i, decode(repeat('00', 16), 'hex'), 201, '', now()
          from generate_series(1, $1::integer) as i
        """,
        MANY,
    )
    before = await rows_read(office)
    id_of((await enter(office, bill(99)))[0])
    assert await rows_read(office) - before < MANY // 10


async def rows_read(office: Office) -> int:
    """Of tables that grow with every payment, by all so far."""
    async with office.app.db.pool.acquire() as connection:
        await connection.execute("select pg_stat_force_next_flush()")
        return await connection.fetchval(
            "select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint"
            "  from pg_stat_user_tables"
            " where relname in ('payments', 'vendor_payments', 'idempotency_keys')"
        )
