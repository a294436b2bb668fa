"""The simulator as a process of its own, and the knobs of it."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from tests.processes import Process, wait_until

TOKEN = "simulator"
IBAN = "DE89370400440532013000"  # the example of the standard


class Simulator:
    """A running `paywright simulate-provider`."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.process = Process("simulate-provider", "--json", *options, folder=folder)
        wait_until(self._has_started, what="the simulator")
        self.urls: dict[str, str] = json.loads(self.process.said())
        self.http = httpx2.Client(
            base_url=self.urls["url"], headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10
        )

    def _has_started(self) -> bool:
        assert self.process.is_running(), self.process.complained()
        return self.process.said().endswith("\n")

    def set(self, **faults: Any) -> None:
        """Turn these knobs; the others go back to where nothing goes wrong."""
        answer = self.http.put("/control/faults", json=faults)
        assert answer.status_code == 200, answer.text

    def reset(self, seed: int = 0) -> None:
        self.set()
        self.tell()
        assert self.http.post("/control/reset", json={"seed": seed}).status_code == 200

    def tell(self, **hooks: dict[str, str]) -> None:
        """Have events told to these; a side that is not named tells nobody."""
        answer = self.http.put("/control/webhooks", json=hooks)
        assert answer.status_code == 200, answer.text

    def deliveries(self) -> list[dict[str, Any]]:
        return self.http.get("/control/webhooks/deliveries").json()["deliveries"]

    def books(self, **page: int) -> dict[str, Any]:
        return self.http.get("/control/books", params=page).json()

    def pay(self, key: str, **changes: Any) -> httpx2.Response:
        return self.http.post(
            "/bank/v1/payments", json=a_payment(**changes), headers={"Idempotency-Key": key}
        )

    def found(self, key: str) -> httpx2.Response:
        return self.http.get("/bank/v1/payments", params={"idempotency_key": key})

    def check(self, key: str, **changes: Any) -> httpx2.Response:
        body = {"customer_reference": "cust_1", "name": "Ida Beispiel", "country": "AT"} | changes
        return self.http.post("/kyc/v1/checks", json=body, headers={"Idempotency-Key": key})

    def close(self) -> None:
        self.http.close()
        if self.process.is_running():
            self.process.kill()


def a_payment(**changes: Any) -> dict[str, Any]:
    return {
        "amount_minor": 12_34,
        "currency": "EUR",
        "debtor_reference": "cust_1",
        "creditor": {"name": "Nordlicht Bau GmbH", "country": "DE", "iban": IBAN},
        "end_to_end_id": "pay_1",
    } | changes


def a_creditor(**changes: Any) -> dict[str, Any]:
    return {"name": "Nordlicht Bau GmbH", "country": "DE", "iban": IBAN} | changes


@contextmanager
def simulating(folder: Path, *options: str) -> Generator[Simulator]:
    simulator = Simulator(folder, *options)
    try:
        yield simulator
    finally:
        simulator.close()
