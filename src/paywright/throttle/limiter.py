"""The ordinary limits: shared by all processes where there is a Valkey, else each for itself."""

from paywright.throttle.local import LocalCounts
from paywright.throttle.model import Allowance
from paywright.throttle.shared import SharedCounts


class Limiter:
    """`limit` requests in `window_s` seconds for each name.

    While the shared count cannot be had, each process grants up to the limit by itself: refusing
    everybody would be worse than n times the share for n processes.
    """

    def __init__(self, shared: SharedCounts | None = None) -> None:
        self._shared = shared
        self._local = LocalCounts()

    async def take(self, name: str, *, limit: int, window_s: float, now: float) -> Allowance:
        """Count one request of `name`. `limit`: 1 or more; `now`: monotonic seconds."""
        if self._shared is not None:
            allowance = await self._shared.take(name, limit=limit, window_s=window_s, now=now)
            if allowance is not None:
                return allowance
        return self._local.take(name, limit=limit, window_s=window_s, now=now)

    async def close(self) -> None:
        if self._shared is not None:
            await self._shared.close()
