"""The waits of the scenarios go on while something moves, and end where it does not."""

import asyncio
import socket
from collections.abc import Iterator

import pytest
from tests.faults.providers_patience import until_none_left, while_it_moves
from tests.processes import KeptPort


def counting(*values: int) -> Iterator[int]:
    """These, and the last one for ever."""
    yield from values
    while True:
        yield values[-1]


async def test_what_becomes_less_however_slowly_is_waited_for() -> None:
    numbers = counting(*(n for n in (5, 4, 3, 2, 1) for _ in range(3)), 0)

    async def left() -> int:
        return next(numbers)

    await until_none_left(left, what="it", stuck_s=0.8)


@pytest.mark.parametrize("values", [(3, 1), (1, 2, 1, 3, 1, 2)], ids=["stays", "comes back"])
async def test_what_does_not_become_less_is_stuck(values: tuple[int, ...]) -> None:
    numbers = counting(*values)

    async def left() -> int:
        return next(numbers)

    with pytest.raises(AssertionError, match="for it: 1 left"):
        await until_none_left(left, what="it", stuck_s=0.5)


async def test_work_that_moves_may_take_its_time_and_work_that_does_not_is_ended() -> None:
    steps = 0

    async def work(moving: int) -> str:
        nonlocal steps
        for _ in range(moving):
            await asyncio.sleep(0.2)
            steps += 1
        if moving < 6:
            await asyncio.sleep(3600)
        return "done"

    told = await while_it_moves(work(6), lambda: steps, what="six steps", stuck_s=0.8)
    assert (told, steps) == ("done", 6)
    with pytest.raises(AssertionError, match="for two steps: 8"):
        await while_it_moves(work(2), lambda: steps, what="two steps", stuck_s=0.8)


def test_a_kept_port_is_listened_on_again_and_again_and_by_nobody_who_takes_any() -> None:
    port = KeptPort()
    address = ("127.0.0.1", port.number)
    for _ in range(2):
        with socket.create_server(address, reuse_port=False), socket.create_connection(address):
            pass
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(address)
    port.close()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(address)
