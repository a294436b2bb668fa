"""The lanes of a worker: kinds of work that must not wait for each other.

Each lane takes work from the queue by itself and has its own slots. So a flood of calls to
providers holds up nothing else, and a slow chore holds up no call.
"""

from collections.abc import Iterable, Sequence

import msgspec

from paywright.jobs.registry import Job

# So many calls begin or end at once at the most, where many are under way: each such step is a
# statement of its own, and more in one would make the first of them wait for the last.
_CALLS_AT_ONCE = 64


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs that are worked on beside each other.

    slots:    of them that are under way at a time; batch jobs have their own bound
    size:     taken from the queue, and written down as done, at a time; at most half of `held_max`
    held_max: taken and not yet written down as done; no other worker can have these
    """

    name: str
    jobs: Sequence[Job]
    slots: int
    size: int
    held_max: int


def lanes_of(jobs: Iterable[Job], *, concurrency: int, calls_max: int) -> list[Lane]:
    """The lanes for these jobs, without those that would be empty."""
    calls: list[Job] = []
    batches: list[Job] = []
    singles: list[Job] = []
    for job in jobs:
        (calls if job.lane == "calls" else batches if job.batch_max > 1 else singles).append(job)
    half = max(1, concurrency // 2)
    part = min(_CALLS_AT_ONCE, max(1, calls_max // 4))
    most = max((job.batch_max for job in batches), default=1)
    lanes = [
        Lane(
            name="single",
            jobs=singles,
            slots=concurrency,
            size=half,
            held_max=max(concurrency, 2 * half),
        ),
        # Enough for a batch under way and the next, at most: what one worker holds no other can
        # work on.
        Lane(name="batch", jobs=batches, slots=concurrency, size=most, held_max=4 * most),
        # Those that have ended, and are about to be written down, must not keep slots empty.
        Lane(name="calls", jobs=calls, slots=calls_max, size=part, held_max=calls_max + 2 * part),
    ]
    return [lane for lane in lanes if lane.jobs]
