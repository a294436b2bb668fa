"""What identity needs besides a database: put together once, by `wiring`."""

from paywright.crypto import KeyRing
from paywright.identity.oidc import Issuer
from paywright.identity.passwords import Passwords


class Parts:
    """What is the same for every call.

    keys:         encrypt names, addresses and signing keys
    sign_ins_max: attempts in `sign_ins_window_s` seconds, from one place and at one user
    issuer:       whose access tokens are accepted besides our own
    """

    def __init__(
        self,
        keys: KeyRing,
        *,
        sign_ins_max: int = 5,
        sign_ins_window_s: float = 60.0,
        issuer: Issuer | None = None,
        passwords: Passwords | None = None,
    ) -> None:
        self.keys = keys
        self.sign_ins_max = sign_ins_max
        self.sign_ins_window_s = sign_ins_window_s
        self.issuer = issuer
        self.passwords = passwords or Passwords()
