"""Metrics as Prometheus reads them: every test parses the exposition text."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from paywright.telemetry import metrics
from paywright.telemetry.metrics import Sample, gauges, render


def scrape(body: bytes) -> dict[tuple[str, frozenset], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def value(name: str, labels: Mapping[str, str] | None = None) -> float:
    return scrape(render()[0]).get((name, frozenset((labels or {}).items())), 0)


def test_a_request_is_counted_and_timed() -> None:
    route = {"method": "GET", "route": "/issues/{issue_id}"}
    before = value("paywright_http_requests_total", route | {"status": "200"})
    metrics.count_request(**route, status=200, seconds=0.004)
    assert value("paywright_http_requests_total", route | {"status": "200"}) == before + 1
    bucket = "paywright_http_request_duration_seconds_bucket"
    assert value(bucket, route | {"le": "0.005"}) == value(bucket, route | {"le": "0.0025"}) + 1


def test_the_other_counters_count() -> None:
    metrics.count_job(task="decide", outcome="done", seconds=0.2)
    metrics.count_decision(type="decline", routing="escalate", engine="rules", count=3)
    metrics.count_batch(name="open", size=17)
    before = value("paywright_rate_limited_total")
    metrics.count_rate_limited()
    assert value("paywright_jobs_total", {"task": "decide", "outcome": "done"}) == 1
    assert value("paywright_job_duration_seconds_count", {"task": "decide"}) == 1
    decided = {"type": "decline", "routing": "escalate", "engine": "rules"}
    assert value("paywright_issues_decided_total", decided) == 3
    assert value("paywright_batch_size_sum", {"name": "open"}) == 17
    assert value("paywright_batch_size_bucket", {"name": "open", "le": "32.0"}) == 1
    assert value("paywright_rate_limited_total") == before + 1


def test_made_up_methods_and_too_many_routes_share_a_series(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics, "_routes", set())
    monkeypatch.setattr(metrics, "ROUTES_MAX", 2)
    for route in ("/r1", "/r2", "/r3", "/r4", "/r1", None):
        metrics.count_request(method="BREW", route=route, status=418, seconds=0)
    routes = {
        dict(labels)["route"]
        for name, labels in scrape(render()[0])
        if name == "paywright_http_requests_total" and ("method", "other") in labels
    }
    assert routes == {"/r1", "/r2", "other", "unmatched"}


def test_extra_gauges_are_in_the_answer() -> None:
    odd = 'a "quoted"\n\\ one'
    extra = gauges("queue_depth", {"queued": 3, odd: 1}, label="status", help="Jobs\nnow.")
    body, content_type = render([*extra, Sample(name="dead_letters", value=2)])
    seen = scrape(body)
    assert content_type.startswith("text/plain; version=0.0.4")
    assert seen["paywright_queue_depth", frozenset({("status", "queued")})] == 3
    assert seen["paywright_queue_depth", frozenset({("status", odd)})] == 1
    assert seen["paywright_dead_letters", frozenset()] == 2
    assert b"# TYPE paywright_queue_depth gauge" in body
    assert b"paywright_dead_letters" not in render()[0]


@pytest.mark.parametrize(
    "extra",
    [
        [Sample(name="a b", value=1)],
        [Sample(name="a", value=1, labels={"x-y": "1"})],
        [Sample(name="a", value=1), Sample(name="a", value=2)],
        [Sample(name="a", value=1), Sample(name="a", value=2, labels={"x": "1"})],
        [Sample(name="jobs_total", value=1)],
        [Sample(name="batch_size_count", value=1)],
    ],
    ids=repr,
)
def test_gauges_that_would_spoil_the_scrape_are_refused(extra: list[Sample]) -> None:
    with pytest.raises(ValueError, match=r"metric name|counted already|label names"):
        render(extra)


COUNT = """
from paywright.telemetry import metrics
for _ in range(100):
    metrics.count_request(method="GET", route="/x", status=200, seconds=0.01)
    metrics.count_rate_limited()
"""
SHOW = """
import os, sys
from paywright.telemetry import metrics
assert metrics.MULTIPROCESS
metrics.mark_process_dead(1)
sys.stdout.buffer.write(metrics.render(metrics.gauges("g", {"a": 5}, label="k", help="h"))[0])
"""


def run(code: str, directory: str, cwd: Path) -> bytes:
    env = os.environ | {
        "PYTHONPATH": ":".join(os.path.abspath(p) for p in sys.path),
        "PROMETHEUS_MULTIPROC_DIR": directory,
    }
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=env, cwd=cwd, check=True, stdout=subprocess.PIPE).stdout


def test_processes_add_up_in_a_directory_that_is_made_when_missing(tmp_path: Path) -> None:
    directory = tmp_path / "not" / "there"
    run(COUNT, str(directory), tmp_path)
    run(COUNT, str(directory), tmp_path)
    seen = scrape(run(SHOW, str(directory), tmp_path))
    labels = {("method", "GET"), ("route", "/x")}
    assert seen["paywright_http_requests_total", frozenset(labels | {("status", "200")})] == 200
    assert seen["paywright_http_request_duration_seconds_count", frozenset(labels)] == 200
    assert seen["paywright_rate_limited_total", frozenset()] == 200
    assert seen["paywright_g", frozenset({("k", "a")})] == 5


def test_an_earlier_run_can_be_forgotten(tmp_path: Path) -> None:
    run(COUNT, str(tmp_path), tmp_path)
    forget = "from paywright.telemetry import metrics; metrics.forget_earlier_run()"
    run(forget, str(tmp_path), tmp_path)
    seen = scrape(run(SHOW, str(tmp_path), tmp_path))
    assert seen["paywright_rate_limited_total", frozenset()] == 0


def test_an_empty_variable_means_one_process(tmp_path: Path) -> None:
    body = run(COUNT + SHOW.replace("assert ", "assert not "), "", tmp_path)
    assert scrape(body)["paywright_rate_limited_total", frozenset()] == 100
    assert list(tmp_path.iterdir()) == []
