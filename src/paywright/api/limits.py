"""Rate limits: a fair share for everyone, by address and by caller.

The generic cell rate algorithm (ITU-T I.371), which needs one number a key: the moment at which
the bucket would be empty again. Pure but for the table that `RateLimiter` keeps; each process
counts for itself.
"""

import msgspec


class Allowance(msgspec.Struct, frozen=True):
    """remaining: requests left right now; reset_s: until all of them are back;
    retry_after_s: above 0 when the request is refused."""

    remaining: int
    reset_s: float
    retry_after_s: float


def spend(empty_at: float, *, now: float, limit: int, window_s: float) -> tuple[float, Allowance]:
    """Take one request out of the bucket; its new `empty_at`, and what is left.

    A caller may use the whole limit at once, and then gets one more each `window_s / limit`.
    """
    interval = window_s / limit
    start = max(empty_at, now)
    # Allowed while the debt after this request stays within the window; the tolerance is for
    # the rounding of floats.
    if start + interval - now > window_s + 1e-9:
        return empty_at, Allowance(0, empty_at - now, start + interval - now - window_s)
    after = start + interval
    return after, Allowance(int((window_s - (after - now)) / interval + 1e-9), after - now, 0.0)


class RateLimiter:
    """`limit` requests in `window_s` seconds for each key. A limit of 0 lets everything pass."""

    _SWEEP = 10_000  # keys, after which those that have recovered are dropped

    def __init__(self, *, limit: int, window_s: float) -> None:
        self.limit = limit
        self.window_s = window_s
        self._empty_at: dict[str, float] = {}

    def take(self, key: str, *, now: float) -> Allowance | None:
        """Count one request of `key`; None where there is no limit. `now`: monotonic seconds."""
        if self.limit == 0:
            return None
        if len(self._empty_at) > self._SWEEP:
            self._empty_at = {k: at for k, at in self._empty_at.items() if at > now}
        empty_at, allowance = spend(
            self._empty_at.get(key, now), now=now, limit=self.limit, window_s=self.window_s
        )
        self._empty_at[key] = empty_at
        return allowance
