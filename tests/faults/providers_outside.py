"""What is outside of us: a simulator that is killed and started again."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx2
from tests.faults.providers_patience import START_S
from tests.processes import KeptPort, Process, wait_until
from tests.simulator.simulating import TOKEN, Simulator


class Patient(Simulator):
    """One that may take its time to start, among many other processes."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.process = Process("simulate-provider", "--json", *options, folder=folder)
        try:
            wait_until(self._has_started, seconds=START_S, what="the simulator")
        except BaseException:
            self.process.kill()
            raise
        self.urls: dict[str, str] = json.loads(self.process.said())
        self.http = httpx2.Client(
            base_url=self.urls["url"], headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60
        )


class Outside:
    """A simulator at one port, killed and started again with the same books and knobs."""

    def __init__(self, folder: Path, number: int, seed: int) -> None:
        self._folder = folder / f"outside-{number}"
        self._folder.mkdir()
        books = self._folder / "books.jsonl"
        self._port = KeptPort()
        port = str(self._port.number)
        self._options = ("--port", port, "--books", str(books), "--seed", str(seed))
        self._knobs: dict[str, dict[str, Any]] = {}
        self._is_changing = asyncio.Lock()
        try:
            self.now = Patient(self._folder, *self._options)
        except BaseException:
            self._port.close()
            raise

    def close(self) -> None:
        """For good."""
        self.now.close()
        self._port.close()

    async def turn(self, side: str, knobs: dict[str, Any]) -> None:
        """Now, or when it is there again."""
        async with self._is_changing:
            self._knobs[side] = knobs
            if self.now.process.is_running():
                await asyncio.to_thread(self._put, side)

    async def kill(self) -> None:
        async with self._is_changing:
            await asyncio.to_thread(self.now.close)

    async def start(self) -> None:
        async with self._is_changing:
            await asyncio.to_thread(self._start)

    def _start(self) -> None:
        self.now = Patient(self._folder, *self._options)
        for side in self._knobs:
            self._put(side)

    def _put(self, side: str) -> None:
        # Who is paused answers late.
        answer = self.now.http.put(f"/control/faults/{side}", json=self._knobs[side])
        assert answer.status_code == 200, answer.text
