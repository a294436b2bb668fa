"""Access tokens that are forged, stretched or borrowed open nothing."""

import asyncio
import base64
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tests.identity.conftest import People

from paywright.core.errors import Unauthenticated
from paywright.identity import sessions_store
from paywright.identity.authenticate import authenticate
from paywright.identity.model import SignedIn
from paywright.identity.refresh import refresh
from paywright.identity.signing import published_keys, rotate_signing_key


def part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def parts_of(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, payload, _ = token.split(".")
    return tuple(
        json.loads(base64.urlsafe_b64decode(it + "=" * (-len(it) % 4))) for it in (header, payload)
    )


class Forge:
    """Everything that an attacker has: a token, the public key, and, to see that the rest of a
    token is what it is refused for, the private one."""

    def __init__(self, people: People, signed_in: SignedIn, private_key: str) -> None:
        self.people = people
        self.token = signed_in.access_token
        self.header, self.claims = parts_of(self.token)
        self.private_key = private_key
        public = serialization.load_pem_private_key(private_key.encode(), None).public_key()
        self.public_key = public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def signed(
        self, claims: dict[str, Any] | None = None, header: dict[str, Any] | None = None
    ) -> str:
        """With the true key, but other claims; None removes one."""
        told = {k: v for k, v in (self.claims | (claims or {})).items() if v is not None}
        head = {k: v for k, v in (self.header | (header or {})).items() if v is not None}
        return jwt.encode(told, self.private_key, algorithm="ES256", headers=head)

    async def opens(self, token: str, *, at: float = 0) -> bool:
        try:
            await authenticate(
                self.people.db, self.people.parts, token, at=self.people.cause(at).at
            )
        except Unauthenticated:
            return False
        return True


@pytest.fixture
async def forge(people: People) -> Forge:
    await people.user()
    signed_in = await people.sign_in()
    async with people.db.snapshot() as tx:
        found = await sessions_store.signer(tx, people.parts.keys)
    assert found is not None
    return Forge(people, signed_in, found[1])


async def test_a_token_says_what_rfc_9068_asks_for(forge: Forge) -> None:
    assert await forge.opens(forge.token)
    assert await forge.opens(forge.signed())  # what the forge changes is what is refused, below
    assert forge.header["typ"] == "at+jwt"
    assert forge.header["alg"] == "ES256"
    assert set(forge.claims) >= {"iss", "sub", "aud", "iat", "nbf", "exp", "jti", "sid", "role"}
    assert forge.claims["exp"] - forge.claims["iat"] == 600
    assert "ada" not in str(forge.claims).lower()


async def test_it_expires(forge: Forge) -> None:
    assert await forge.opens(forge.token, at=600)
    assert await forge.opens(forge.token, at=629)  # clocks differ
    assert not await forge.opens(forge.token, at=630)
    assert not await forge.opens(forge.token, at=-31)  # from the future


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "somebody-else"},
        {"aud": None},
        {"aud": []},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"iss": ["paywright"]},
        {"sub": None},
        {"sub": "usr_00000000000000000000000000"},
        {"sub": "system"},
        {"sid": None},
        {"sid": "ses_00000000000000000000000000"},
        {"sid": ["x"]},
        {"sid": "' or 1=1 --"},
        {"exp": None},
        {"exp": "9999999999"},
        {"exp": 1e300},
        {"exp": True},
        {"iat": None},
        {"iat": 99999999999},
        {"nbf": 99999999999},
        {"jti": None},
    ],
)
async def test_other_claims_open_nothing_even_well_signed(
    forge: Forge, claims: dict[str, Any]
) -> None:
    try:
        token = forge.signed(claims)
    except TypeError:  # the library does not sign that; nor would an honest one
        header = part({"alg": "ES256", "typ": "at+jwt", "kid": forge.header["kid"]})
        token = f"{header}.{part(forge.claims | claims)}.{part(b'x' * 64)}"
    assert not await forge.opens(token)


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"typ": None},
        {"kid": "unknown"},
        {"kid": None},
        {"kid": "../../etc/passwd"},
        {"kid": "' or 1=1 --"},
        {"crit": ["exp"]},
        {"crit": []},
    ],
)
async def test_other_headers_open_nothing_even_well_signed(
    forge: Forge, header: dict[str, Any]
) -> None:
    assert not await forge.opens(forge.signed(header=header))


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", ""])
async def test_no_signature_opens_nothing(forge: Forge, algorithm: str) -> None:
    header = part(forge.header | {"alg": algorithm})
    for signature in ("", forge.token.split(".")[2]):
        assert not await forge.opens(f"{header}.{part(forge.claims)}.{signature}")


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
async def test_the_public_key_is_no_secret(forge: Forge, algorithm: str) -> None:
    head = f"{part(forge.header | {'alg': algorithm})}.{part(forge.claims)}"
    digest = f"sha{algorithm[2:]}"
    jwk = json.dumps((await published_keys(forge.people.db, forge.people.cause()))[0]).encode()
    for secret in (forge.public_key, forge.public_key.strip(), jwk, b""):
        signature = part(hmac.digest(secret, head.encode(), digest))
        assert not await forge.opens(f"{head}.{signature}")


async def test_keys_that_a_token_brings_along_prove_nothing(forge: Forge) -> None:
    own = ec.generate_private_key(ec.SECP256R1())
    jwk = jwt.algorithms.ECAlgorithm.to_jwk(own.public_key(), as_dict=True)
    for extra in ({}, {"jwk": jwk}, {"jku": "http://127.0.0.1:1/keys"}, {"x5u": "http://x/"}):
        token = jwt.encode(forge.claims, own, algorithm="ES256", headers=forge.header | extra)
        assert not await forge.opens(token)
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    token = jwt.encode(
        forge.claims, other, algorithm="RS256", headers={**forge.header, "alg": "RS256"}
    )
    assert not await forge.opens(token)


async def test_a_changed_byte_is_noticed(forge: Forge) -> None:
    header, payload, signature = forge.token.split(".")
    richer = part(forge.claims | {"role": "admin"})
    assert not await forge.opens(f"{header}.{richer}.{signature}")
    assert not await forge.opens(f"{header}.{payload}.{part(b'0' * 64)}")
    assert not await forge.opens(f"{header}.{payload}.{part(bytes(64))}")  # CVE-2022-21449
    assert not await forge.opens(f"{header}.{payload}.")
    assert not await forge.opens(f"{header}.{payload}")


@pytest.mark.parametrize(
    "token",
    [
        "..",
        "a.b.c",
        "eyJ..",
        "é.é.é",
        "\udcff.\udcff.\udcff",
        f"{part([])}.{part([])}.",
        f"{part({'alg': 'ES256'})}.{part('x')}.x",
        f"{part({'alg': ['ES256']})}.{part({})}.x",
        f"{part(b'{' * 3000)}.{part(b'[' * 3000)}.x",
        part({"alg": "ES256", "pad": "x" * 100_000}) + "." + part({}) + ".x",
    ],
)
async def test_nonsense_is_refused_not_stumbled_over(forge: Forge, token: str) -> None:
    assert not await forge.opens(token)


async def test_the_role_is_the_one_on_file_not_the_one_in_the_token(forge: Forge) -> None:
    token = forge.signed({"role": "admin", "permissions": ["users:manage"], "scope": "admin"})
    at = forge.people.cause().at
    caller = await authenticate(forge.people.db, forge.people.parts, token, at=at)
    assert "users:manage" not in caller.actor.permissions


async def test_a_rotated_key_verifies_until_its_tokens_are_over(forge: Forge) -> None:
    people = forge.people
    before = await published_keys(people.db, people.cause())
    key = await rotate_signing_key(people.db, people.parts.keys, people.cause(100))
    assert await forge.opens(forge.token, at=101)
    fresh = await people.sign_in(at=102)
    assert parts_of(fresh.access_token)[0]["kid"] == key.kid
    assert await forge.opens(fresh.access_token, at=103)
    now = await published_keys(people.db, people.cause(103))
    assert {it["kid"] for it in now} == {key.kid, before[0]["kid"]}
    assert "d" not in now[0]
    assert jwt.decode(
        fresh.access_token,
        jwt.PyJWK(next(it for it in now if it["kid"] == key.kid)),
        audience="paywright",
        options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
    )
    later = await published_keys(people.db, people.cause(100 + 631))
    assert [it["kid"] for it in later] == [key.kid]


async def test_a_compromised_key_is_good_for_nothing_at_once(forge: Forge) -> None:
    people = forge.people
    other = await people.sign_in(at=1)
    cause = people.cause(2)
    await rotate_signing_key(people.db, people.parts.keys, cause, is_compromised=True)
    assert not await forge.opens(forge.token, at=2)
    # People stay signed in: they get another token.
    again = await refresh(people.db, people.parts, people.cause(3), token=other.refresh_token)
    assert await forge.opens(again.access_token, at=3)


async def test_two_that_sign_in_first_have_one_key(people: People) -> None:
    await people.user()
    signed_in = await asyncio.gather(*(people.sign_in(at=i) for i in range(6)))
    assert len({parts_of(it.access_token)[0]["kid"] for it in signed_in}) == 1
