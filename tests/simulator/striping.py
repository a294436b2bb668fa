"""The simulated Stripe over plain HTTP, for tests."""

from typing import Any

import httpx2
from tests.simulator.simulating import Simulator

KEY = "sk_test_simulator"


class Stripe:
    """One secret key's view of a running simulator."""

    def __init__(self, simulator: Simulator, key: str = KEY) -> None:
        self._http = simulator.http
        self._key = key

    def ask(
        self, method: str, path: str, *, key: str = "", account: str = "", **fields: Any
    ) -> httpx2.Response:
        """key: the idempotency key; names of fields as in the form, `{"metadata[a]": "b"}`"""
        headers = {"Authorization": f"Bearer {self._key}"}
        if key:
            headers["Idempotency-Key"] = key
        if account:
            headers["Stripe-Account"] = account
        sent = {"params": fields} if method == "GET" else {"data": fields}
        return self._http.request(method, f"/stripe/v1{path}", headers=headers, **sent)

    def charge(self, key: str = "", **changes: Any) -> httpx2.Response:
        fields = {
            "amount": 1000,
            "currency": "eur",
            "confirm": "true",
            "off_session": "true",
            "payment_method": "pm_card_visa",
        }
        return self.ask("POST", "/payment_intents", key=key, **(fields | changes))

    def intent(self, id: str) -> dict[str, Any]:
        return self.ask("GET", f"/payment_intents/{id}").json()

    def refund(self, intent: str, key: str = "", **fields: Any) -> httpx2.Response:
        return self.ask("POST", "/refunds", key=key, payment_intent=intent, **fields)

    def transfer(self, key: str = "", **changes: Any) -> httpx2.Response:
        fields = {"amount": 1000, "currency": "eur", "destination": "acct_1"} | changes
        return self.ask("POST", "/transfers", key=key, **fields)

    def listed(self, path: str, **fields: Any) -> list[dict[str, Any]]:
        return self.ask("GET", path, **fields).json()["data"]

    def only_charge(self) -> dict[str, Any]:
        (charge,) = self.listed("/charges")
        return charge


def error_of(answer: httpx2.Response) -> tuple[int, str, str | None, str | None]:
    """Status, type, code, param."""
    error = answer.json()["error"]
    return answer.status_code, error["type"], error.get("code"), error.get("param")
