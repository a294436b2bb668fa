"""What the fault tests share: a prepared database, processes on it, clients that keep asking, and
the books that have to balance in the end."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import msgspec
from tests.processes import PATIENCE_S, Process, free_port, until

from paywright.cli import prepare
from paywright.db.pool import Database
from paywright.identity.permissions import Role
from paywright.settings import Settings
from paywright.wiring import build

# (customer, transaction): on file with the samples
_SUBJECTS = (("cust_042", "txn_6201"), ("cust_108", "txn_6017"), ("cust_315", "txn_5998"))
_DETAILS: dict[str, dict[str, Any]] = {
    "decline": {"error_code": "insufficient_funds", "auto_retry_count": 1},
    "dispute": {"reason": "item_not_received", "days_since_purchase": 9},
    "refund_request": {"reason": "defective", "days_since_purchase": 6, "partial_amount": None},
}


def an_issue(number: int, *, priority: str = "normal") -> dict[str, Any]:
    """The body of a request; another one for each number."""
    customer, transaction = _SUBJECTS[number % 3]
    type = sorted(_DETAILS)[number // 3 % 3]
    return {
        "type": type,
        "customer_id": customer,
        "transaction_id": transaction,
        "priority": priority,
        "details": _DETAILS[type],
    }


class Stage:
    """A database with rules, customers and keys, and `serve` and `work` processes on it."""

    def __init__(self, url: str, folder: Path, keys: dict[Role, str]) -> None:
        self.url, self.folder, self.keys = url, folder, keys
        self.processes: list[Process] = []

    def start(self, command: str, **settings: object) -> Process:
        """`serve` or `work`, at once; it may not be ready yet."""
        ours = {
            "DATABASE_URL": self.url,
            "PAYWRIGHT_DATA_DIR": self.folder,
            "PORT": free_port(),
            "RATE_LIMIT_MAX": 0,
            "QUEUE_BACKOFF_DELAY_MS": 20,
            "QUEUE_LEASE_MS": 1000,
        }
        process = Process(command, folder=self.folder, settings=ours | settings)
        self.processes.append(process)
        return process

    async def api(self, **settings: object) -> Process:
        """An API that serves."""
        process = self.start("serve", **settings)
        await ready(process)
        return process

    def client(self, api: Process, role: Role = Role.OPERATOR) -> httpx2.AsyncClient:
        """A caller with connections of its own."""
        return httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{api.port}",
            headers={"Authorization": f"Bearer {self.keys[role]}"},
            timeout=30,
            limits=httpx2.Limits(max_connections=200),
        )

    async def close(self) -> None:
        for process in self.processes:
            if process.is_running():
                process.kill()


async def ready(process: Process) -> None:
    async def serves() -> bool:
        return await asyncio.to_thread(process.answers)

    await until(serves, what=process.name)


@asynccontextmanager
async def staged(url: str, folder: Path) -> AsyncIterator[Stage]:
    """A stage on a migrated database."""
    app = await build(Settings(paywright_data_dir=folder), url=url, application="paywright-test")
    try:
        await prepare.ensure_rules(app)
        await prepare.load_samples(app)
        keys = await prepare.ensure_development_keys(app, folder / "keys.json")
    finally:
        await app.close()
    stage = Stage(url, folder, keys)
    try:
        yield stage
    finally:
        await stage.close()


class Clients:
    """Callers who post issues, each under a key of its own, and keep the first answer to each."""

    def __init__(self) -> None:
        self.sent: dict[str, dict[str, Any]] = {}
        self.answers: dict[str, bytes] = {}
        self.refusals: list[httpx2.Response] = []
        self._numbers = itertools.count()

    def new_key(self, **options: Any) -> str:
        number = next(self._numbers)
        key = f"fault-{number:05}"
        self.sent[key] = an_issue(number, **options)
        return key

    async def post(self, client: httpx2.AsyncClient, key: str) -> httpx2.Response | None:
        """Ask once; None when the connection broke. Two answers to one key must be the same."""
        try:
            answer = await client.post(
                "/api/v1/issues", json=self.sent[key], headers={"Idempotency-Key": key}
            )
        except httpx2.TransportError:
            return None
        if answer.status_code == 201:
            first = self.answers.setdefault(key, answer.content)
            assert answer.content == first, key
        else:
            self.refusals.append(answer)
        return answer

    async def post_new(self, client: httpx2.AsyncClient, count: int) -> None:
        """So many new issues at once; all of them are accepted."""
        keys = [self.new_key() for _ in range(count)]
        answers = await asyncio.gather(*(self.post(client, key) for key in keys))
        assert [answer and answer.status_code for answer in answers] == [201] * count

    async def send_again(self, client: httpx2.AsyncClient) -> None:
        """Everything that was ever sent. What had an answer gets the same one, as a replay."""
        answered = set(self.answers)
        keys = list(self.sent)
        answers = await asyncio.gather(*(self.post(client, key) for key in keys))
        for key, answer in zip(keys, answers, strict=True):
            assert answer is not None, key
            assert answer.status_code == 201, answer.text
            if key in answered:
                assert answer.headers["idempotency-replayed"] == "true"

    @asynccontextmanager
    async def posting(
        self, client: httpx2.AsyncClient, *, callers: int = 6, insist: bool = True
    ) -> AsyncIterator[None]:
        """Callers who post without pause while the block runs.

        insist: each asks for the same key until it gets its issue, and leaves only then
        """
        leaving = asyncio.Event()

        async def call() -> None:
            while not leaving.is_set():
                key = self.new_key()
                answer = await self.post(client, key)
                while insist and (answer is None or answer.status_code != 201):
                    await asyncio.sleep(0.05)
                    answer = await self.post(client, key)

        async with asyncio.TaskGroup() as group:
            for _ in range(callers):
                group.create_task(call())
            try:
                yield
            finally:
                leaving.set()

    async def count_beyond(self, count: int, *, seconds: float = PATIENCE_S) -> None:
        """Wait until more than so many keys have their answer."""

        async def enough() -> bool:
            return len(self.answers) > count

        await until(enough, seconds=seconds, what=f"more than {count} answers", every=0.002)

    def issue_id(self, key: str) -> str:
        return msgspec.json.decode(self.answers[key])["id"]


_UNDECIDED = "select count(*) from issues where status in ('pending', 'processing')"


async def all_decided(db: Database, *, seconds: float = 2 * PATIENCE_S) -> None:
    """Wait until no issue and no job is waiting or under way."""

    async def settled() -> bool:
        async with db.transaction() as tx:
            undecided = await tx.fetchval(_UNDECIDED)
            jobs = await tx.fetchval("select count(*) from pgqueuer where status <> 'failed'")
        return not undecided and not jobs

    await until(settled, seconds=seconds, what="every decision")


async def balance(db: Database, clients: Clients, *, dead: int = 0) -> None:
    """Every issue that was ever acknowledged is there once and was decided once; nothing else is.

    dead: issues that are meant to have failed
    """
    fetch = db.pool.fetchval
    opened = len(clients.answers)
    assert opened == len(clients.sent), "there are requests without an answer: send them again"
    ids = {clients.issue_id(key) for key in clients.answers}
    assert len(ids) == opened
    assert await fetch("select count(*) from issues") == opened
    assert await _subjects(db, "issue.opened") == dict.fromkeys(ids, 1)
    decided = await _subjects(db, "issue.decided")
    assert decided.keys() <= ids
    assert (len(decided), max(decided.values())) == (opened - dead, 1)
    assert await fetch("select count(*) from decisions") == opened - dead
    assert await fetch("select count(distinct issue_id) from decisions") == opened - dead
    states = await db.pool.fetch("select status, count(*) as n from issues group by 1")
    tally = {row["status"]: row["n"] for row in states}
    assert tally.pop("failed", 0) == dead
    assert tally.keys() <= {"resolved", "awaiting_review"}, tally
    # What was resolved has its one action, what waits for a person has none yet.
    assert await fetch("select count(*) from issue_actions") == tally.get("resolved", 0)
    asked = await _subjects(db, "issue.action_requested")
    assert (len(asked), max(asked.values())) == (tally.get("resolved", 0), 1)
    jobs = await db.pool.fetch("select status::text as status from pgqueuer")
    assert [row["status"] for row in jobs] == ["failed"] * dead
    assert len(await _subjects(db, "job.dead")) == dead


async def _subjects(db: Database, type: str) -> dict[str, int]:
    rows = await db.pool.fetch(
        "select subject, count(*) as n from events where type = $1 group by 1", type
    )
    return {row["subject"]: row["n"] for row in rows}


async def waiting_on_lock(db: Database, application: str, *, count: int = 1) -> None:
    """Wait until so many statements of an application hang on a lock: certainly in the middle."""

    async def hangs() -> bool:
        found = await db.pool.fetchval(
            """
            select count(*) from pg_stat_activity
             where datname = current_database() and application_name = $1
               and wait_event_type = 'Lock'
            """,
            application,
        )
        return found >= count

    await until(hangs, what=f"{application} to hang on a lock")


@asynccontextmanager
async def holding(url: str, statement: str, *args: object) -> AsyncIterator[Callable[[], Any]]:
    """Hold what `statement` locks, until the block ends or what it yields is called."""
    connection = await asyncpg.connect(url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(connection.close)
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(statement, *args)
        released = False

        async def release() -> None:
            nonlocal released
            if not released:
                released = True
                await transaction.rollback()

        stack.push_async_callback(release)
        yield release


Release = Callable[[], Awaitable[None]]
