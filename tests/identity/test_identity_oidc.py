"""Tokens of another issuer: a real one on this machine, with discovery and keys over HTTP."""

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from tests.identity.conftest import NOW

from paywright.crypto import KeyRing
from paywright.db.pool import Database
from paywright.identity.authenticate import authenticate
from paywright.identity.model import Caller
from paywright.identity.oidc import Issuer, IssuerUnavailable, NoRole, highest_role, roles_of
from paywright.identity.parts import Parts
from paywright.identity.permissions import PERMISSIONS, Role
from paywright.identity.tokens import TokenInvalid

KEYS: dict[str, Any] = {
    "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def jwk_of(algorithm: str, key: Any, kid: str) -> dict[str, Any]:
    to_jwk = jwt.get_algorithm_by_name(algorithm).to_jwk
    return {**to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig"}


class Provider:
    """An issuer that answers `documents` by path, and counts how often it was asked."""

    def __init__(self) -> None:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked.append(self.path)
                document = provider.documents.get(self.path)
                self.send_response(200 if document is not None else 404)
                self.end_headers()
                if document is not None:
                    self.wfile.write(document)

            def log_message(self, *_: object) -> None:
                pass

        self.asked: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.documents: dict[str, bytes] = {}
        self.publish([jwk_of(name, key, f"kid-{name}") for name, key in KEYS.items()])
        self.discover(self.url)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def publish(self, keys: list[dict[str, Any]]) -> None:
        self.documents["/keys"] = json.dumps({"keys": keys}).encode()

    def discover(self, issuer: str, jwks: str | None = None) -> None:
        document = {"issuer": issuer, "jwks_uri": jwks or f"{self.url}/keys"}
        self.documents["/.well-known/openid-configuration"] = json.dumps(document).encode()

    def token(
        self, algorithm: str = "ES256", kid: str | None = None, key: Any = None, **claims: Any
    ) -> str:
        now = int(NOW.timestamp())
        told = {
            "iss": self.url,
            "sub": "5f2c9a",
            "aud": "paywright-api",
            "iat": now,
            "exp": now + 300,
            "roles": ["viewer"],
        } | claims
        told = {name: value for name, value in told.items() if value is not None}
        headers = {"kid": kid or f"kid-{algorithm}"}
        return jwt.encode(told, key or KEYS[algorithm], algorithm=algorithm, headers=headers)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.close()


class Door:
    def __init__(self, db: Database, keys: KeyRing, provider: Provider, **more: str) -> None:
        self._db = db
        issuer = Issuer(issuer=provider.url, audience="paywright-api", **more)
        self._parts = Parts(keys, issuer=issuer)

    async def admits(self, token: str, *, at: float = 0) -> Caller:
        return await authenticate(self._db, self._parts, token, at=NOW + timedelta(seconds=at))


@pytest.fixture
def door(db: Database, keys: KeyRing, provider: Provider) -> Door:
    return Door(db, keys, provider)


@pytest.mark.parametrize("algorithm", list(KEYS))
async def test_its_tokens_open_what_their_role_may(
    door: Door, provider: Provider, algorithm: str
) -> None:
    caller = await door.admits(provider.token(algorithm, roles=["stranger", "reviewer", "viewer"]))
    assert caller.actor.id == "oidc:5f2c9a"
    assert caller.actor.permissions == PERMISSIONS[Role.REVIEWER]
    assert caller.valid_until == NOW + timedelta(seconds=330)
    assert provider.asked == ["/.well-known/openid-configuration", "/keys"]
    await door.admits(provider.token("RS256"))
    assert len(provider.asked) == 2  # known by now


async def test_many_at_once_ask_the_issuer_once(door: Door, provider: Provider) -> None:
    token = provider.token()
    callers = await asyncio.gather(*(door.admits(token) for _ in range(20)))
    assert len(callers) == 20
    assert len(provider.asked) == 2


async def test_access_tokens_of_cognito_have_another_shape(
    db: Database, keys: KeyRing, provider: Provider
) -> None:
    door = Door(db, keys, provider, role_claim="cognito:groups")
    shape = {"aud": None, "client_id": "paywright-api", "token_use": "access", "roles": None}
    token = provider.token("RS256", **shape, **{"cognito:groups": ["operator"]})
    assert (await door.admits(token)).actor.permissions == PERMISSIONS[Role.OPERATOR]
    for wrong in ({"client_id": "another"}, {"token_use": "id", "aud": "paywright-api"}):
        told = {**shape, **wrong, "cognito:groups": "admin"}
        with pytest.raises(TokenInvalid):
            await door.admits(provider.token("RS256", **told))


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "somebody-else"},
        {"aud": None},
        {"aud": ["a", "b"]},
        {"aud": None, "client_id": "paywright-api"},  # without token_use it is no access token
        {"iss": "http://127.0.0.1:1"},
        {"exp": int(NOW.timestamp()) - 31},
        {"exp": None},
        {"nbf": int(NOW.timestamp()) + 31},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 256},
        {"sub": "a\nb"},
        {"typ": "ID"},
        {"typ": "Refresh"},
        {"at_hash": "x"},
    ],
)
async def test_a_token_for_something_else_is_refused(
    door: Door, provider: Provider, claims: dict[str, Any]
) -> None:
    with pytest.raises(TokenInvalid):
        await door.admits(provider.token(**claims))


async def test_without_a_role_of_ours_nobody_comes_in(door: Door, provider: Provider) -> None:
    for roles in ([], None, ["Admin"], "root", {"admin": True}, [["admin"]], 7):
        with pytest.raises(NoRole):
            await door.admits(provider.token(roles=roles))


async def test_forged_tokens_are_refused(door: Door, provider: Provider) -> None:
    stranger = ec.generate_private_key(ec.SECP256R1())
    public = KEYS["RS256"].public_key()
    pem = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    head = jwt.utils.base64url_encode(b'{"alg":"HS256","kid":"kid-RS256"}')
    body = provider.token("RS256", roles=["admin"]).split(".")[1].encode()
    mac = jwt.get_algorithm_by_name("HS256").sign(head + b"." + body, pem.replace(b"BEGIN", b"B"))
    forged = [
        provider.token(key=stranger, roles=["admin"]),
        provider.token(kid="kid-RS256", roles=["admin"]),  # the key of another algorithm
        b".".join([head, body, jwt.utils.base64url_encode(mac)]).decode(),
        jwt.encode(jwt.decode(provider.token(), options={"verify_signature": False}), None, "none"),
    ]
    for token in forged:
        with pytest.raises(TokenInvalid):
            await door.admits(token)


@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")  # that is what it is about
async def test_keys_that_are_weak_or_for_something_else_are_passed_over(
    door: Door, provider: Provider
) -> None:
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    good = jwk_of("ES256", KEYS["ES256"], "good")
    provider.publish(
        [
            jwk_of("RS256", small, "small"),
            {"kty": "oct", "k": "c2VjcmV0", "kid": "symmetric", "alg": "HS256"},
            {**good, "kid": "encryption", "use": "enc"},
            {**good, "kid": "another algorithm", "alg": "ES512"},
            {**good, "kid": "broken", "x": "AA"},
            {"kty": ["RSA"], "kid": "odd"},
            good,
        ]
    )
    assert await door.admits(provider.token(kid="good"))
    for kid in ("symmetric", "encryption", "another algorithm", "broken", "odd"):
        with pytest.raises(TokenInvalid):
            await door.admits(provider.token(kid=kid))
    with pytest.raises(TokenInvalid):
        await door.admits(provider.token("RS256", kid="small", key=small))


async def test_new_keys_are_fetched_but_not_for_every_invented_id(
    door: Door, provider: Provider
) -> None:
    assert await door.admits(provider.token())
    fresh = ec.generate_private_key(ec.SECP256R1())
    provider.publish([jwk_of("ES256", fresh, "fresh"), jwk_of("ES256", KEYS["ES256"], "kid-ES256")])
    for i in range(50):
        with pytest.raises(TokenInvalid):
            await door.admits(provider.token(kid=f"invented-{i}"), at=i / 2)
    assert len(provider.asked) == 2
    assert await door.admits(provider.token(kid="fresh", key=fresh), at=30)
    assert len(provider.asked) == 4
    # A key that the issuer took back is no good after an hour.
    provider.publish([jwk_of("ES256", KEYS["ES256"], "kid-ES256")])
    late = int(NOW.timestamp()) + 3700
    with pytest.raises(TokenInvalid):
        await door.admits(provider.token(kid="fresh", key=fresh, exp=late + 60), at=3700)


async def test_an_issuer_that_is_down_locks_nobody_out_who_is_known(
    door: Door, provider: Provider
) -> None:
    assert await door.admits(provider.token())
    provider.documents.clear()
    late = int(NOW.timestamp()) + 4000
    assert await door.admits(provider.token(exp=late + 60), at=4000)


@pytest.mark.parametrize("fault", ["gone", "another issuer", "not json", "huge", "no keys"])
async def test_an_issuer_that_gives_no_keys_is_a_503(
    door: Door, provider: Provider, fault: str
) -> None:
    match fault:
        case "gone":
            provider.documents.clear()
        case "another issuer":
            provider.discover("https://evil.example")
        case "not json":
            provider.documents["/keys"] = b"<html>"
        case "huge":
            provider.documents["/keys"] = b" " * 300_000 + provider.documents["/keys"]
        case "no keys":
            provider.publish([])
    for _ in range(3):
        with pytest.raises(IssuerUnavailable):
            await door.admits(provider.token())
    assert len(provider.asked) <= 2
    provider.publish([jwk_of("ES256", KEYS["ES256"], "kid-ES256")])
    provider.discover(provider.url)
    assert await door.admits(provider.token(), at=31)


async def test_without_a_configured_issuer_its_tokens_mean_nothing(
    db: Database, keys: KeyRing, provider: Provider
) -> None:
    with pytest.raises(TokenInvalid):
        await authenticate(db, Parts(keys), provider.token(), at=NOW)
    assert provider.asked == []


def test_where_roles_are_found() -> None:
    claims = {"roles": "viewer,admin", "realm_access": {"roles": ["operator"]}, "a.b": ["x"]}
    assert roles_of(claims, "roles") == ["viewer", "admin"]
    assert roles_of(claims, "realm_access.roles") == ["operator"]
    assert roles_of(claims, "a.b") == ["x"]
    assert roles_of(claims, "roles.deeper") == []
    assert highest_role(["viewer", "operator", "dispatcher"]) is Role.OPERATOR
