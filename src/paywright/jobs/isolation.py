"""Jobs that were under way when a worker died. One of them may have killed it.

Every job that the worker held is charged with an attempt, the innocent along with the culprit.
Run together again they would all die of the culprit in the end. So the closer such suspects are to
being given up, the fewer of them run at a time: in groups at first, alone at last.
"""

from collections.abc import Iterable, Sequence

_GROUP_MAX = {3: 8, 2: 1, 1: 1}
_GROUP_MAX_FIRST = 64


def group_max(attempts_left: int) -> int:
    """How many suspects may run beside each other when one has this many attempts left."""
    return _GROUP_MAX.get(attempts_left, _GROUP_MAX_FIRST) if attempts_left > 0 else 1


def admitted(running: Iterable[int], candidates: Sequence[int]) -> list[bool]:
    """Which suspects may start. All numbers are attempts left, in the order of the queue.

    >>> admitted([], [2, 2])
    [True, False]
    """
    group = list(running)
    verdicts: list[bool] = []
    for left in candidates:
        # One without attempts left is not run any more, only declared dead.
        fits = left <= 0 or len(group) < min(group_max(other) for other in [*group, left])
        if fits and left > 0:
            group.append(left)
        verdicts.append(fits)
    return verdicts
