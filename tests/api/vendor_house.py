"""A house that pays vendors, as people and keys inside it see it: over HTTP only."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx2
from tests.builders import TEST_KEY
from tests.ledger.building import a_post, moved

from paywright.cli import prepare
from paywright.identity.manage import create_key
from paywright.identity.permissions import Role
from paywright.identity.users import create_user
from paywright.ledger import accounts_store
from paywright.ledger.chart import chart, ensure_chart
from paywright.settings import Settings
from paywright.wiring import App

Client = httpx2.AsyncClient
V1 = "/api/v1"
BILLS, VENDORS, RUNS = f"{V1}/vendor-payments", f"{V1}/vendors", f"{V1}/payment-runs"
PASSWORD = "seven grey herons wade"
IBAN, OTHER_IBAN, THIRD_IBAN = (
    "DE89370400440532013000", "AT611904300234573201", "NL91ABNA0417164300",
)  # fmt: skip
HOLDER = "Nordlicht Hochbau Betriebsgesellschaft"
PAYOUT = {"name": HOLDER, "bank": "partner_bank", "iban": IBAN}
XML = {"Content-Type": "application/xml"}
# What each request may write whatever becomes of it: nothing that anybody reads.
_PASSING = frozenset({"rate_limits"})


def house_settings(**changes: Any) -> Settings:
    """With a bank that nobody calls here: no worker runs."""
    fields: dict[str, Any] = {
        "encryption_key": TEST_KEY,
        "rate_limit_max": 0,
        "login_rate_limit_max": 1000,
        "partner_bank_url": "http://127.0.0.1:9",
        "partner_bank_token": "t",
        "payment_file_debtor_name": "Paywright Test",
        "payment_file_debtor_iban": "DE02120300000000202051",
    }
    return Settings(**fields | changes)


class House:
    """Requests of people who have signed in, and of keys. The vendor is `nordlicht`."""

    def __init__(self, app: App, client: Client) -> None:
        self.app, self.client = app, client
        self.ids: dict[str, str] = {}
        self.headers: dict[str, dict[str, str]] = {}
        self._numbers = count(1)

    async def furnish(self, *, booked: int = 10_000_000) -> None:
        cause = prepare.system_cause()
        accounts = chart(["EUR", "USD"], [], ["partner_bank", "bank_files"])
        await ensure_chart(self.app.db, cause, accounts=accounts)
        codes = ["vendors:payable:EUR", "opening:balances:EUR"]
        async with self.app.db.snapshot() as tx:
            ids = await accounts_store.ids_by_code(tx, codes)
            found = await accounts_store.select(tx, list(ids.values()))
        payable, opening = (found[ids[code]] for code in codes)
        await moved(self.app.db, a_post(opening, payable, booked, at=datetime.now(UTC)))
        await self.signed_in("olga", Role.OPERATOR)
        await self.vendor("nordlicht")

    async def signed_in(self, name: str, role: Role) -> str:
        """A user who signs in; the id."""
        email = f"{name}@example.com"
        made = await create_user(
            self.app.db, self.app.identity, prepare.system_cause(),
            email=email, name="A Test", role=role, password=PASSWORD,
        )  # fmt: skip
        self.ids[name] = str(made.id)
        answer = await self.client.post(
            f"{V1}/sessions", json={"email": email, "password": PASSWORD}
        )
        assert answer.status_code == 201, answer.text
        self.headers[name] = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        return str(made.id)

    async def key(self, name: str, role: Role, *, by: str | None = None, **more: Any) -> str:
        """A key that somebody makes, else that stands for itself; its id."""
        if by is None:
            made, secret = await create_key(
                self.app.db, prepare.system_cause(), name=name, role=role, **more
            )
            key_id = str(made.id)
        else:
            body = {"name": name, "role": role} | more
            told = (await self.ask(by, "POST", f"{V1}/keys", body)).json()
            key_id, secret = told["key"]["id"], told["secret"]
        self.headers[name] = {"Authorization": f"Bearer {secret}"}
        return key_id

    async def ask(
        self, who: str, method: str, path: str, body: Any = None, **headers: str
    ) -> httpx2.Response:
        sent = self.headers[who] | {it.replace("_", "-"): headers[it] for it in headers}
        if body is None:
            return await self.client.request(method, path, headers=sent)
        if isinstance(body, bytes):
            return await self.client.request(method, path, content=body, headers=sent)
        return await self.client.request(method, path, json=body, headers=sent)

    def fresh_key(self) -> str:
        return f"key-{next(self._numbers)}"

    async def vendor(self, vendor_id: str, who: str = "olga", **changes: Any) -> httpx2.Response:
        body = {"name": "Nordlicht Bau", "payout": PAYOUT} | changes
        answer = await self.ask(who, "PUT", f"{VENDORS}/{vendor_id}", body)
        # On file for a while: its bank details are not new.
        await self.app.db.pool.execute(
            "update vendors set created_at = created_at - interval '60 days', "
            "payout_changed_at = payout_changed_at - interval '60 days' "
            "where id = $1 and payout_changed_at > now() - interval '50 days'",
            vendor_id,
        )
        return answer

    async def enter(self, who: str, minor: int = 12_345, **changes: Any) -> httpx2.Response:
        key = changes.pop("key", None) or self.fresh_key()
        number = next(self._numbers)
        body = {
            "vendor_id": "nordlicht",
            "amount_minor": minor,
            "currency": "EUR",
            "payer_type": "driver",
            "incident_id": f"inc_{number}",
            "lines": [{"description": "Repair", "quantity": 1, "unit_price_minor": minor}],
        }
        return await self.ask(who, "POST", BILLS, body | changes, Idempotency_Key=key)

    async def entered(self, who: str, minor: int = 12_345, **changes: Any) -> dict[str, Any]:
        answer = await self.enter(who, minor, **changes)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def edit(self, who: str, payment: dict[str, Any], **changes: Any) -> httpx2.Response:
        body = {"content_hash": payment["content_hash"]} | changes
        return await self.ask(who, "PATCH", f"{BILLS}/{payment['id']}", body)

    async def approve(self, who: str, payment: dict[str, Any], **changes: Any) -> httpx2.Response:
        body = {"content_hash": payment["content_hash"]} | changes
        return await self.ask(who, "POST", f"{BILLS}/{payment['id']}/approve", body)

    async def post(self, who: str, payment: dict[str, Any], verb: str, body: Any = None) -> Any:
        return await self.ask(who, "POST", f"{BILLS}/{payment['id']}/{verb}", body)

    async def see(self, payment: dict[str, Any]) -> dict[str, Any]:
        answer = await self.ask("olga", "GET", f"{BILLS}/{payment['id']}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def change(self, who: str, vendor: str = "nordlicht", **payout: Any) -> httpx2.Response:
        """Ask for other bank details."""
        body = {"payout": PAYOUT | {"iban": OTHER_IBAN} | payout, "reason": "We called them."}
        path = f"{VENDORS}/{vendor}/payout-changes"
        return await self.ask(who, "POST", path, body, Idempotency_Key=self.fresh_key())

    async def approve_change(self, who: str, change: dict[str, Any]) -> httpx2.Response:
        body = {"content_hash": change["content_hash"]}
        return await self.ask(who, "POST", f"{V1}/vendor-changes/{change['id']}/approve", body)

    async def delegate(self, giver: str, receiver: str, **changes: Any) -> httpx2.Response:
        body = {
            "delegate": self.ids[receiver],
            "reason": "On leave.",
            "expires_at": (datetime.now(UTC) + timedelta(days=7)).isoformat(),
        }
        path = f"{V1}/approval-delegations"
        return await self.ask(giver, "POST", path, body | changes, Idempotency_Key=self.fresh_key())

    async def everything(self) -> dict[str, str]:
        """A digest of each table."""
        pool = self.app.db.pool
        rows = await pool.fetch("select tablename as name from pg_tables where schemaname='public'")
        names = sorted(row["name"] for row in rows)
        return {
            name: await pool.fetchval(
                f"select count(*) || md5(coalesce(string_agg(it::text, '|' order by it::text), ''))"
                f" from {name} as it"
            )
            for name in names
            if name not in _PASSING
        }


def refusal(answer: httpx2.Response) -> tuple[int, str]:
    """Status and kind; what refuses is always said as RFC 9457 has it."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert problem["status"] == answer.status_code, problem
    assert problem["title"], problem
    return answer.status_code, problem["type"].removeprefix("/problems/")


FOUR_EYES = (403, "four-eyes")
