"""Vendor payments over HTTP: entered in masses, and looked for among a million."""

import urllib.parse
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import asyncpg

from bench import ledger_workload, vendor_fill, vendor_workload
from bench.ledger_http import IDLE, OURS, Figures, Run, Spent
from bench.load import Loaded, post_all
from bench.stack import BenchFailed, Process, Server
from paywright.core.cause import Cause
from paywright.core.ids import PaymentId
from paywright.core.page import encode_cursor
from paywright.wiring import App

CONNECTIONS = 64
WARM_UP = 8  # of the whole, a part of this size
READS, CROWD = 400, 8
_LOOKS = 40  # of each list
_REPORTS = 5  # of each

# Every row names what is wrong, and how often. $1: payments that were acknowledged.
_VIOLATIONS = """
with acknowledged as (select unnest($1::uuid[]) as id)
select 'acknowledged payments are not on file, or not pending' as what, count(*) as count
  from acknowledged left join payments using (id)
 where payments.status is distinct from 'pending_approval'
union all
select 'acknowledged payments have other lines than were sent', count(*)
  from acknowledged left join vendor_payments on payment_id = id
 where jsonb_array_length(lines) is distinct from $2
union all
select 'payments are on file that nobody asked for', abs(count(*) - cardinality($1::uuid[]))
  from payments where kind = 'vendor_payment'
union all
select 'events of payments are too many or missing', abs(count(*) - cardinality($1::uuid[]))
  from events where type = 'payment.created'
union all
select 'idempotency keys are too many or missing', abs(count(*) - cardinality($1::uuid[]))
  from idempotency_keys
"""


async def fill_template(app: App, cause: Cause) -> None:
    """Vendors for bills, and accounts for transfers."""
    await vendor_fill.put_vendors(app.db, app.keys, cause)
    await ledger_workload.open_accounts(app, cause)


class Billing(Run):
    """One API process that bills are handed in to."""

    async def bills(self, count: int, *, connections: int = CONNECTIONS) -> list[Loaded]:
        self._seed += 1
        requests = vendor_workload.bills(count, seed=self._seed, secret=self.server.secret)
        return await self._post(requests, connections=connections, transfers=count)

    async def wrong(self) -> list[str]:
        twice = len(set(self._ids)) < len(self._ids)
        found = ["a payment was acknowledged twice"] if twice else []
        if len(self._ids) != self._asked:
            found.append(f"{self._asked - len(self._ids)} bills were refused")
        connection = await asyncpg.connect(self.url)
        try:
            rows = await connection.fetch(_VIOLATIONS, self._ids, vendor_workload.LINES)
        finally:
            await connection.close()
        return found + [f"{row['count']} {row['what']}" for row in rows if row["count"]]


async def entering(server: Server, count: int) -> tuple[Figures, list[str]]:
    """The figures of `count` bills with ten lines, and what is wrong on file after them."""
    run = Billing(server, OURS, await server.fresh_database("bench_bills"))
    try:
        await _listening(run.apis)
        await run.bills(count // WARM_UP)
        figures = _speed(await run.bills(count)) | _spent(run)
        idle = _speed(await run.bills(IDLE, connections=1))
        figures |= {f"idle_{name}": value for name, value in idle.items()}
        wrong = await run.wrong()
    finally:
        run.stop()
    await server.drop("bench_bills")
    return figures, wrong


async def moving(server: Server, count: int) -> tuple[Figures, list[str]]:
    """The same of single transfers."""
    run = Run(server, OURS, await server.fresh_database("bench_moves"))
    try:
        await _listening(run.apis)
        await run.singles(count // WARM_UP, connections=CONNECTIONS)
        figures = _speed(await run.singles(count, connections=CONNECTIONS)) | _spent(run)
        idle = _speed(await run.singles(IDLE, connections=1))
        figures |= {f"idle_{name}": value for name, value in idle.items()}
        wrong = await run.wrong()
    finally:
        run.stop()
    await server.drop("bench_moves")
    return figures, wrong


class Looking:
    """One API process over so many vendor payments on file."""

    def __init__(self, server: Server, url: str) -> None:
        self._server = server
        self._secret = server.secret
        self._url = url
        self._api = Process("looking-api", OURS.command, folder=server.folder, url=url)

    async def measure(self) -> dict[str, Figures]:
        """Milliseconds of one answer, by what was asked. `processor_ms`: of API and PostgreSQL."""
        await self._api.wait_until_listening()
        deep, newest, bill = await self._places()
        first, middle = "/vendor-payments/pending", f"/vendor-payments/pending?cursor={deep}"
        found = {}
        for name, path in (("pending, first page", first), ("pending, deep page", middle)):
            found[name] = await self._read(path, READS, 1)
            found[f"{name}, {CROWD} clients"] = await self._read(path, READS * 2, CROWD)
        between = urllib.parse.quote(f"{datetime.now(UTC) - timedelta(days=548):%FT%TZ}")
        asked = vendor_workload.lists(deep_cursor=deep, newest_cursor=newest, between=between)
        for name, path in asked:
            found[name] = await self._read(path, _LOOKS, 1)
        found["a bill sent twice: refused"] = await self._refused(bill)
        for name, path in vendor_workload.REPORTS:
            found[f"report: {name}"] = await self._read(path, _REPORTS, 1)
        return found

    def stop(self) -> None:
        self._api.stop()

    async def _places(self) -> tuple[str, str, tuple[str, int]]:
        """Cursors: in the middle of the queue, near the end of all; a bill of the first vendor."""
        connection = await asyncpg.connect(self._url)
        try:
            deep, oldest = await connection.fetchrow(
                """
                select (select id from payments where status = 'pending_approval' order by id
                        offset (select count(*) / 2 from pending_approvals) limit 1),
                       (select id from payments order by id
                        offset (select count(*) / 10 from payments) limit 1)
                """
            )
            bill = await connection.fetchrow(
                """
                select bill_number, amount_minor
                  from payments join vendor_payments on payment_id = payments.id
                 where vendor_id = $1 and currency = 'EUR' and bill_number is not null
                   and status = 'succeeded'
                 order by id desc limit 1
                """,
                vendor_fill.vendor_id(0),
            )
        finally:
            await connection.close()
        cursors = [encode_cursor(str(PaymentId.of(id))) for id in (deep, oldest)]
        return cursors[0], cursors[1], tuple(bill)

    async def _read(self, path: str, count: int, clients: int) -> Figures:
        requests = [vendor_workload.reading(path, secret=self._secret)] * count
        await self._ask(requests[: max(count // 20, 1)], clients, 200)
        return await self._measured(requests, clients, 200)

    async def _refused(self, bill: tuple[str, int]) -> Figures:
        number, amount_minor = bill
        requests = vendor_workload.the_same_bill(
            _LOOKS, seed=1, secret=self._secret, number=number, amount_minor=amount_minor
        )
        return await self._measured(requests, 1, 409)

    async def _measured(self, requests: Sequence[bytes], clients: int, status: int) -> Figures:
        spent = Spent(self._server, [self._api])
        it = await self._ask(requests, clients, status)
        us = spent.us_each(len(requests))
        return {
            "p50_ms": round(it.percentile_ms(50), 2),
            "p99_ms": round(it.percentile_ms(99), 2),
            "processor_ms": round((us["api"] + us["postgresql_clients"]) / 1000, 2),
        }

    async def _ask(self, requests: Sequence[bytes], clients: int, status: int) -> Loaded:
        clients = min(clients, len(requests))
        loaded = await post_all(self._api.port, requests, connections=clients, told=lambda _: None)
        if set(loaded.statuses) != {status}:
            at = next(n for n, it in enumerate(loaded.statuses) if it != status)
            raise BenchFailed(f"{loaded.statuses[at]}: {loaded.bodies[at][:300]!r}")
        return loaded


async def looking(server: Server, rows: int) -> dict[str, Figures]:
    """Put `rows` payments on file, and measure how fast they are found."""
    url = await server.fresh_database("bench_million")
    await vendor_fill.fill(url, rows, datetime.now(UTC))
    looker = Looking(server, url)
    try:
        found = await looker.measure()
    finally:
        looker.stop()
    await server.drop("bench_million")
    return found


async def _listening(apis: Sequence[Process]) -> None:
    for api in apis:
        await api.wait_until_listening()


def _spent(run: Run) -> Figures:
    return {f"us_{what}": us for what, us in run.spent.items()}


def _speed(loaded: Sequence[Loaded]) -> Figures:
    (it,) = loaded
    return {
        "per_second": round(it.per_second, 1),
        "p50_ms": round(it.percentile_ms(50), 2),
        "p99_ms": round(it.percentile_ms(99), 2),
    }
