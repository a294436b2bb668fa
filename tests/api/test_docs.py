"""The API's description: served from here, complete, and true under fuzzing."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.core.transport import Response
from tests.builders import TEST_KEY
from tests.processes import free_port

from paywright.api.docs import all_problems
from paywright.identity.permissions import Role

Client = httpx2.AsyncClient
ROOT = Path(__file__).parents[2]


async def test_the_page_asks_no_other_host(api: Client) -> None:
    page = (await api.get("/docs")).text
    assert not re.findall(r"https?://", page)
    assets = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(assets) == 4
    for path in assets:
        answer = await api.get(path)
        assert answer.status_code == 200, path
        assert len(answer.content) > 100
    assert "<script>" not in page


async def test_every_problem_has_a_page(api: Client) -> None:
    problems = all_problems()
    assert len(problems) > 25
    for code, problem in problems.items():
        page = await api.get(f"/problems/{code}")
        assert page.status_code == 200
        assert problem.title() in page.text.replace("&#x27;", "'")
    assert (await api.get("/problems/none")).status_code == 404


PUBLIC = ("/api/v1/sessions", "/api/v1/sessions/refresh")
# Posts that ask for one thing only, which their path says.
WITHOUT_BODY = (
    "/api/v1/transfers/{transfer_id}/otp",
    "/api/v1/customers/{customer_id}/kyc-checks",
    "/api/v1/vendor-changes/{change_id}/withdraw",
    "/api/v1/vendor-payments/{payment_id}/repeat",
    "/api/v1/approval-delegations/{delegation_id}/end",
    "/api/v1/payment-runs/{run_id}/release",
    "/api/v1/payment-runs/{run_id}/cancel",
)


async def test_every_operation_is_described(api: Client) -> None:
    document = (await api.get("/openapi.json")).json()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert operation["summary"], (method, path)
            assert len(operation["tags"]) == 1
            assert operation["responses"]["4XX"]["content"].keys() == {"application/problem+json"}
            if path.startswith("/api/") and path not in PUBLIC:
                assert operation["security"] == [{"api_key": []}]
            if method in ("post", "put") and path not in WITHOUT_BODY:
                assert "requestBody" in operation, (method, path)


@pytest.fixture
def served(database_url: str, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A real API process: its URL, and a key that may do everything."""
    port = free_port()
    env = os.environ | {
        "PYTHONPATH": str(ROOT / "src"), "DATABASE_URL": database_url, "PORT": str(port),
        "ENCRYPTION_KEY": TEST_KEY, "RATE_LIMIT_MAX": "0", "PAYWRIGHT_DATA_DIR": str(tmp_path),
    }  # fmt: skip
    command = [sys.executable, "-m", "paywright"]
    subprocess.run([*command, "ingest-samples"], env=env, check=True, cwd=tmp_path)
    made = subprocess.run(
        [*command, "keys", "create", "fuzz", "--role", Role.ADMIN, "--json"],
        env=env, check=True, capture_output=True, cwd=tmp_path,
    )  # fmt: skip
    secret = re.search(rb"pk_[\w-]{43}", made.stdout)
    assert secret
    with (tmp_path / "api.log").open("wb") as log:
        process = subprocess.Popen([*command, "serve"], env=env, stderr=log, cwd=tmp_path)
    base = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                if httpx2.get(f"{base}/health/ready").status_code == 200:
                    break
            except httpx2.TransportError:
                assert process.poll() is None, (tmp_path / "api.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield base, secret[0].decode()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


CHROMIUM = shutil.which("chromium")


@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")
def test_the_page_renders_in_a_browser(served: tuple[str, str], tmp_path: Path) -> None:
    assert CHROMIUM
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
         "--no-first-run", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", f"--user-data-dir={tmp_path / 'chromium'}", "--enable-logging=stderr",
         "--virtual-time-budget=10000", "--dump-dom", f"{served[0]}/docs"],
        capture_output=True, text=True, timeout=90, check=True,
    )  # fmt: skip
    assert "/api/v1/issues/{issue_id}/review" in re.sub(r"<[^>]*>|\u200b", "", done.stdout)
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert complaints == []


CHECKS = [
    schemathesis.checks.not_a_server_error,
    schemathesis.checks.status_code_conformance,
    schemathesis.checks.content_type_conformance,
    schemathesis.checks.response_schema_conformance,
]


# Forty requests to each of more than a hundred operations.
@pytest.mark.timeout(900)
def test_no_request_breaks_it_and_every_answer_is_as_described(served: tuple[str, str]) -> None:
    base, secret = served
    schema = schemathesis.openapi.from_url(f"{base}/openapi.json")
    headers = {"Authorization": f"Bearer {secret}"}
    statuses: dict[str, set[int]] = {}

    for result in schema.get_all_operations():
        operation = result.ok()

        def attempt(case: Any) -> None:
            if case.operation.path.startswith("/api/v1/keys") and case.method == "DELETE":
                case.path_parameters = {"key_id": "key_00000000000000000000000000"}
            answer: Response = case.call(base_url=base, headers=headers)
            statuses.setdefault(f"{case.method} {case.operation.path}", set()).add(
                answer.status_code
            )
            case.validate_response(answer, checks=CHECKS)

        test = settings(
            max_examples=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            derandomize=True,
        )(given(case=requests_for(operation))(attempt))
        test()
    assert 201 in statuses["POST /api/v1/issues"] or 422 in statuses["POST /api/v1/issues"]
    assert len(statuses) >= 18


def requests_for(operation: Any) -> Any:
    """Requests as described, and ones that are not."""
    strategies = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]
    return strategies[0] | strategies[1]
