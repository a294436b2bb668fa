"""People of a test, in a database of its own."""

from datetime import UTC, datetime, timedelta

import pytest
from argon2 import Parameters
from argon2.profiles import CHEAPEST
from tests.builders import TEST_KEY

from paywright.core.actor import ANONYMOUS, SYSTEM, Actor
from paywright.core.cause import Cause
from paywright.crypto import KeyRing
from paywright.db.pool import Database
from paywright.identity.model import SignedIn, User
from paywright.identity.parts import Parts
from paywright.identity.passwords import Passwords
from paywright.identity.permissions import Role
from paywright.identity.sign_in import sign_in
from paywright.identity.users import create_user

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PASSWORD = "three grey herons wade"
# argon2id with next to no work: a hundred guesses a test are enough to wait for.
CHEAP: Parameters = CHEAPEST


class People:
    """Makes users, and signs them in. `at`: seconds after NOW."""

    def __init__(self, db: Database, parts: Parts) -> None:
        self.db = db
        self.parts = parts

    def cause(self, at: float = 0, actor: Actor = SYSTEM, ip: str = "192.0.2.7") -> Cause:
        return Cause(actor=actor, at=NOW + timedelta(seconds=at), request_id="req_test", ip=ip)

    async def user(self, email: str = "ada@example.com", role: Role = Role.VIEWER) -> User:
        return await create_user(
            self.db,
            self.parts,
            self.cause(),
            email=email,
            name="Ada Test",
            role=role,
            password=PASSWORD,
        )

    async def sign_in(
        self, email: str = "ada@example.com", password: str = PASSWORD, *, at: float = 0
    ) -> SignedIn:
        # Guesses come from everywhere: the limit of attempts has tests of its own.
        ip = f"198.51.100.{int(at) % 250}"
        cause = self.cause(at, ANONYMOUS, ip)
        return await sign_in(self.db, self.parts, cause, email=email, password=password)

    async def events(self, type: str) -> list[dict[str, object]]:
        async with self.db.snapshot() as tx:
            rows = await tx.fetch(
                "select subject, actor, host(ip) as ip, data::text from events where type = $1 "
                "order by sequence",
                type,
            )
        return [dict(row) for row in rows]


@pytest.fixture
def keys() -> KeyRing:
    return KeyRing.from_hex(TEST_KEY, "k1")


@pytest.fixture
async def people(db: Database, keys: KeyRing) -> People:
    return People(db, Parts(keys, sign_ins_max=1000, passwords=Passwords(CHEAP)))
