"""API keys."""

from datetime import datetime

import msgspec

from paywright.core.ids import KeyId
from paywright.identity.permissions import Role


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a key; its secret is not."""

    id: KeyId
    name: str
    role: Role
    created_by: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def valid_at(self, at: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)
