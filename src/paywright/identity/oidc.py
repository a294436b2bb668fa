"""Access tokens of another issuer (OpenID Connect): Keycloak, Cognito and their like."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx2
import jwt
import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from paywright.core.actor import Actor
from paywright.core.errors import Forbidden, Unavailable
from paywright.identity.model import Caller
from paywright.identity.permissions import PERMISSIONS, Role
from paywright.identity.tokens import TokenInvalid, Unverified, expiry_of, verified_claims

log = structlog.get_logger()

# Only what is signed with a private key: with HS256 the public key would be the secret.
_ALGORITHMS = {("RSA", None): "RS256", ("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}
_RSA_BITS_MIN = 2048
_ACCESS_TYPES = ("", "jwt", "at+jwt", "application/at+jwt")
_OTHER_TOKENS = ("id", "refresh", "offline", "logout")

_REFETCH = timedelta(seconds=30)  # for a key id that is unknown: at most this often
_FRESH = timedelta(hours=1)
_TIMEOUT_S = 5.0
_DOCUMENT_MAX = 256 * 1024
_KEYS_MAX = 100
_SUBJECT_MAX = 255  # OpenID Connect Core 1.0, section 2


class IssuerUnavailable(Unavailable):
    """The issuer of the token cannot be asked for its keys.

    Try again in a moment.
    """


class NoRole(Forbidden):
    """The token is good, but its issuer gives the caller no role here.

    Ask an administrator of the issuer for one of the roles `viewer`, `dispatcher`, `approver`,
    `reviewer`, `operator`, `admin`.
    """


class _FetchFailed(Exception):
    """The text says why."""


class Issuer:
    """One issuer whose access tokens are accepted.

    issuer:     what its tokens have as `iss`, and where its discovery document is
    audience:   what they must have as `aud`; Cognito's have it as `client_id`
    role_claim: where the roles are: the name of a claim (`cognito:groups`), or a path of names
                with dots (`realm_access.roles`)
    jwks_url:   where its keys are; empty: what its discovery document says
    """

    def __init__(
        self, *, issuer: str, audience: str, role_claim: str = "roles", jwks_url: str = ""
    ) -> None:
        self.issuer = issuer
        self._audience = audience
        self._role_claim = role_claim
        self._jwks_url = jwks_url
        self._keys: dict[str, jwt.PyJWK] = {}
        self._asked_at: datetime | None = None
        self._fetched_at: datetime | None = None
        self._fetching = asyncio.Lock()

    async def caller(self, token: str, told: Unverified, *, at: datetime) -> Caller:
        """Who stands behind a token. Raises TokenInvalid, NoRole, IssuerUnavailable."""
        if told.type not in _ACCESS_TYPES or told.algorithm not in _ALGORITHMS.values():
            raise TokenInvalid.because("not an access token of this kind")
        key = await self._key(told.kid, at=at)
        if key is None or key.algorithm_name != told.algorithm:
            raise TokenInvalid.because("the token is not valid")
        claims = verified_claims(
            token,
            key.key,
            algorithm=key.algorithm_name,
            issuer=self.issuer,
            audience=None,
            at=at,
        )
        check_claims(claims, audience=self._audience)
        role = highest_role(roles_of(claims, self._role_claim))
        if role is None:
            raise NoRole(f"no role in {self._role_claim}")
        person = f"oidc:{claims['sub']}"
        actor = Actor(id=person, permissions=PERMISSIONS[role], role=role.value, person_id=person)
        return Caller(actor=actor, subjects=(actor.id,), valid_until=expiry_of(claims))

    async def _key(self, kid: str, *, at: datetime) -> jwt.PyJWK | None:
        """The key of an id, from memory, else from the issuer. Raises IssuerUnavailable."""
        if self._knows(kid, at):
            return self._keys[kid]
        async with self._fetching:
            # Unless somebody else has asked meanwhile, or a moment ago.
            recently = self._asked_at is not None and at - self._asked_at < _REFETCH
            if not recently and not self._knows(kid, at):
                await self._fetch(at)
        if not self._keys:
            raise IssuerUnavailable("try again in a moment", headers={"Retry-After": "30"})
        return self._keys.get(kid)

    def _knows(self, kid: str, at: datetime) -> bool:
        fresh = self._fetched_at is not None and at - self._fetched_at < _FRESH
        return fresh and kid in self._keys

    async def _fetch(self, at: datetime) -> None:
        self._asked_at = at
        try:
            async with (
                asyncio.timeout(2 * _TIMEOUT_S),
                httpx2.AsyncClient(timeout=_TIMEOUT_S, follow_redirects=False) as client,
            ):
                url = self._jwks_url or await self._discover(client)
                found = usable_keys(await _document(client, url))
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, _FetchFailed) as error:
            # What is known stays good: an issuer that is down for an hour locks nobody out.
            reason = str(error)[:200] or type(error).__name__
            log.warning("oidc.keys_not_fetched", issuer=self.issuer, reason=reason)
            return
        if not found:
            log.warning("oidc.no_usable_keys", issuer=self.issuer)
            return
        self._keys, self._fetched_at = found, at

    async def _discover(self, client: httpx2.AsyncClient) -> str:
        """Where the keys are. Source: OpenID Connect Discovery 1.0, section 4."""
        url = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
        document = await _document(client, url)
        if document.get("issuer") != self.issuer:
            raise _FetchFailed("the discovery document is that of another issuer")
        where = document.get("jwks_uri")
        # Never from an issuer with TLS to a place without.
        if not isinstance(where, str) or not where.startswith(("https://", self._scheme())):
            raise _FetchFailed("the discovery document names no jwks_uri that can be trusted")
        return where

    def _scheme(self) -> str:
        return self.issuer.partition("//")[0] + "//"


async def _document(client: httpx2.AsyncClient, url: str) -> Mapping[str, Any]:
    async with client.stream("GET", url, headers={"Accept": "application/json"}) as answer:
        if answer.status_code != 200:
            raise _FetchFailed(f"status {answer.status_code}")
        raw = b""
        async for chunk in answer.aiter_bytes():
            raw += chunk
            if len(raw) > _DOCUMENT_MAX:
                raise _FetchFailed("the document is too large")
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise _FetchFailed("not a JSON object") from None


def usable_keys(document: Mapping[str, Any]) -> dict[str, jwt.PyJWK]:
    """The keys of a JWKS that may verify access tokens here, by their id. Others are passed over.

    Source: RFC 7517. The algorithm follows from the key, never from a token.
    """
    found: dict[str, jwt.PyJWK] = {}
    listed = document.get("keys")
    for jwk in listed[:_KEYS_MAX] if isinstance(listed, list) else []:
        if not isinstance(jwk, dict) or not isinstance(jwk.get("kid"), str):
            continue
        kind = jwk.get("kty"), jwk.get("crv")
        algorithm = _ALGORITHMS.get(kind) if all(isinstance(k, str | None) for k in kind) else None
        if algorithm is None or jwk.get("alg", algorithm) != algorithm:
            continue
        if jwk.get("use", "sig") != "sig":
            continue
        try:
            key = jwt.PyJWK(jwk, algorithm)
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        if isinstance(key.key, RSAPublicKey) and key.key.key_size < _RSA_BITS_MIN:
            continue
        found[jwk["kid"]] = key
    return found


def check_claims(claims: Mapping[str, Any], *, audience: str) -> None:
    """Whether it is an access token, and for us. Raises TokenInvalid."""
    if claims.get("token_use", "access") != "access":
        raise TokenInvalid.because("not an access token")
    if str(claims.get("typ", "")).lower() in _OTHER_TOKENS or "at_hash" in claims:
        raise TokenInvalid.because("not an access token")
    named = claims.get("aud")
    if named is None and claims.get("token_use") == "access":
        named = claims.get("client_id")  # Cognito's access tokens have no `aud`
    if audience not in (named if isinstance(named, list) else [named]):
        raise TokenInvalid.because("the token is for somebody else")
    subject = claims["sub"]
    if not 0 < len(subject) <= _SUBJECT_MAX or not subject.isascii() or not subject.isprintable():
        raise TokenInvalid.because("the subject is not one that can be written down")


def roles_of(claims: Mapping[str, Any], path: str) -> Sequence[str]:
    """What the claim lists: a list of names, or one text with spaces or commas between them."""
    value: Any = claims.get(path)
    if value is None:
        value = claims
        for name in path.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, str):
        return value.replace(",", " ").split()
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def highest_role(names: Sequence[str]) -> Role | None:
    """The most powerful of the roles named; other names mean nothing here."""
    return next((role for role in reversed(Role) if role.value in names), None)
