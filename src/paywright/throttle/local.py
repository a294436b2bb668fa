"""Counts of one process: no I/O, gone with the process."""

from paywright.throttle.model import Allowance, spend

_SWEEP = 10_000  # names, after which those that have recovered are dropped


class LocalCounts:
    """How much of its share each name has used, in this process."""

    def __init__(self) -> None:
        self._empty_at: dict[tuple[str, int, float], float] = {}
        self._sweep_at = _SWEEP

    def take(self, name: str, *, limit: int, window_s: float, now: float) -> Allowance:
        """Count one request of `name`, of `limit` in `window_s`. `now`: monotonic seconds."""
        if len(self._empty_at) >= self._sweep_at:
            self._sweep(now)
        key = (name, limit, window_s)
        empty_at, allowance = spend(
            self._empty_at.get(key, now), now=now, limit=limit, window_s=window_s
        )
        self._empty_at[key] = empty_at
        return allowance

    def _sweep(self, now: float) -> None:
        self._empty_at = {key: at for key, at in self._empty_at.items() if at > now}
        # Where most are still in debt, sweeping for each newcomer would cost more than it frees.
        self._sweep_at = max(_SWEEP, 2 * len(self._empty_at))

    def __len__(self) -> int:
        return len(self._empty_at)
