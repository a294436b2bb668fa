"""Rate limits as arithmetic.

The generic cell rate algorithm (ITU-T I.371), which needs one number a key: the moment at which
the bucket would be empty again. Pure.
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
    return after, told(after - now, limit=limit, window_s=window_s, is_allowed=True)


def told(debt_s: float, *, limit: int, window_s: float, is_allowed: bool) -> Allowance:
    """What is told of a bucket that will be empty in `debt_s` seconds, where it was asked
    elsewhere."""
    interval = window_s / limit
    if is_allowed:
        return Allowance(max(0, int((window_s - debt_s) / interval + 1e-3)), debt_s, 0.0)
    return Allowance(0, debt_s, max(debt_s + interval - window_s, 1e-3))
