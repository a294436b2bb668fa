"""Access tokens of our own: JWTs (RFC 9068) that are signed with ES256 and live ten minutes."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from paywright.core.errors import Unauthenticated
from paywright.identity.model import SigningKey
from paywright.identity.permissions import Role

ISSUER = "paywright"
AUDIENCE = "paywright"
LIFE = timedelta(minutes=10)
LEEWAY = timedelta(seconds=30)  # between clocks
ALGORITHM = "ES256"
_TYPES = ("at+jwt", "application/at+jwt")
# Longer ones are not even looked at. Issuers that list many groups come close to 8 KiB.
SIZE_MAX = 8192
_HEADERS = {"WWW-Authenticate": 'Bearer error="invalid_token"'}


class TokenInvalid(Unauthenticated):
    """The access token is malformed, forged, expired or revoked.

    Get a new one with the refresh token, `POST /api/v1/sessions/refresh`, or sign in again.
    """

    @classmethod
    def because(cls, reason: str) -> "TokenInvalid":
        return cls(reason, headers=_HEADERS)


class Unverified(msgspec.Struct, frozen=True):
    """What a token says of itself before anything is verified: only to find the right key."""

    kid: str
    algorithm: str
    type: str
    issuer: str


def peek(token: str) -> Unverified:
    """Read a token without believing it. Raises TokenInvalid."""
    if len(token) > SIZE_MAX:
        raise TokenInvalid.because("the token is too long")
    try:
        header = jwt.get_unverified_header(token)
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise TokenInvalid.because("not a token") from None
    # RFC 7515, 4.1.11: whoever does not understand `crit` must refuse. Keys that a token brings
    # along (`jwk`, `x5c`) or points to (`jku`, `x5u`) prove nothing.
    if "crit" in header:
        raise TokenInvalid.because("the token demands what is not understood here")
    parts = (header.get("kid", ""), header.get("alg"), header.get("typ", ""), claims.get("iss"))
    if not all(isinstance(part, str) for part in parts):
        raise TokenInvalid.because("not a token")
    kid, algorithm, kind, issuer = parts
    return Unverified(str(kid), str(algorithm), str(kind).lower(), str(issuer))


class Claims(msgspec.Struct, frozen=True):
    """What one of our own tokens says, and it is true. Its role is only for other readers: what
    counts here is the role that the user has now."""

    sub: str
    sid: str
    exp: datetime


def verify(token: str, told: Unverified, key: SigningKey, *, at: datetime) -> Claims:
    """The claims of a token of ours. Raises TokenInvalid, whatever is wrong with it."""
    if told.algorithm != ALGORITHM or told.type not in _TYPES:
        raise TokenInvalid.because("not an access token of this kind")
    claims = verified_claims(
        token, key.public_key, algorithm=ALGORITHM, issuer=ISSUER, audience=AUDIENCE, at=at
    )
    sub, sid = claims["sub"], claims.get("sid")
    if not isinstance(sid, str) or "jti" not in claims:
        raise TokenInvalid.because("the token lacks a claim")
    return Claims(sub, sid, expiry_of(claims))


def verified_claims(
    token: str, key: Any, *, algorithm: str, issuer: str, audience: str | None, at: datetime
) -> dict[str, Any]:
    """The claims of a token whose signature, issuer, audience and times are right.

    audience: None where the caller looks at it by itself
    Raises TokenInvalid.
    """
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=[algorithm],  # never what the token asks for
            issuer=issuer,
            audience=audience,
            options={
                "require": ["iss", "sub", "iat", "exp"],
                "verify_aud": audience is not None,
                # By our own clock, below: the one of the request.
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise TokenInvalid.because("the token is not valid") from None
    _check_times(claims, at)
    return claims


def _check_times(claims: dict[str, Any], at: datetime) -> None:
    now, leeway = at.timestamp(), LEEWAY.total_seconds()
    for name in ("exp", "iat", "nbf"):
        value = claims.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
            raise TokenInvalid.because(f"{name} is not a time")
    if claims["exp"] + leeway <= now:
        raise TokenInvalid.because("the token has expired")
    if claims.get("nbf", 0) > now + leeway or claims["iat"] > now + leeway:
        raise TokenInvalid.because("the token is not valid yet")


def expiry_of(claims: dict[str, Any]) -> datetime:
    """Until when it is accepted."""
    return datetime.fromtimestamp(claims["exp"], UTC) + LEEWAY


def issue(private_key: str, kid: str, *, sub: str, sid: str, role: Role, at: datetime) -> str:
    """A token for a session. `private_key`: PEM."""
    now = int(at.timestamp())
    claims = {
        "iss": ISSUER,
        "sub": sub,
        "aud": AUDIENCE,
        "client_id": AUDIENCE,
        "iat": now,
        "nbf": now,
        "exp": now + int(LIFE.total_seconds()),
        "jti": secrets.token_urlsafe(16),
        "sid": sid,
        "role": role.value,
    }
    return jwt.encode(
        claims, private_key, algorithm=ALGORITHM, headers={"kid": kid, "typ": "at+jwt"}
    )


def new_signing_key(*, at: datetime) -> tuple[SigningKey, str]:
    """A fresh key pair: the public half, and the private one as PEM."""
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    kid = secrets.token_urlsafe(12)
    return SigningKey(kid=kid, public_key=public.decode(), created_at=at), pem.decode()


def as_jwk(key: SigningKey) -> dict[str, str]:
    """The public half as RFC 7517 has it."""
    public = serialization.load_pem_public_key(key.public_key.encode())
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise TypeError(f"signing key {key.kid} is not of an elliptic curve")
    jwk = ECAlgorithm.to_jwk(public, as_dict=True)
    return {**jwk, "kid": key.kid, "use": "sig", "alg": ALGORITHM}
