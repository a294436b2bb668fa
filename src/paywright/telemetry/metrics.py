"""What Prometheus scrapes. Counting works across processes when PROMETHEUS_MULTIPROC_DIR is set.

Record through the functions, not through the metrics: they keep the number of series bounded.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

# An empty variable would make the library keep its files in the working directory.
if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)

import msgspec
import prometheus_client as prometheus
from prometheus_client import multiprocess, values
from prometheus_client.core import Metric

PREFIX = "paywright_"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"  # every Prometheus reads it
ROUTES_MAX = 300  # distinct routes; the rest, which can only be a mistake, is counted as `other`
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))

# The library decides when it is imported, so it is asked, and not the environment.
MULTIPROCESS: bool = getattr(values.ValueClass, "_multiprocess", False)
if MULTIPROCESS:
    Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).mkdir(parents=True, exist_ok=True)

# The moment a series began: no query of ours asks for it, and it doubles their number.
prometheus.disable_created_metrics()
REGISTRY = prometheus.CollectorRegistry()
if not MULTIPROCESS:  # otherwise it would tell of whichever process happens to answer
    prometheus.ProcessCollector(registry=REGISTRY)

_http_requests = prometheus.Counter(
    f"{PREFIX}http_requests_total",
    "HTTP requests answered.",
    ("method", "route", "status"),
    registry=REGISTRY,
)
_http_seconds = prometheus.Histogram(
    f"{PREFIX}http_request_duration_seconds",
    "From the request line to the last byte handed to the server.",
    ("method", "route"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=REGISTRY,
)
_jobs = prometheus.Counter(
    f"{PREFIX}jobs_total", "Attempts at a job that ended.", ("task", "outcome"), registry=REGISTRY
)
_job_seconds = prometheus.Histogram(
    f"{PREFIX}job_duration_seconds",
    "One attempt at a job.",
    ("task",),
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
    registry=REGISTRY,
)
_issues_decided = prometheus.Counter(
    f"{PREFIX}issues_decided_total",
    "Issues a machine decided on.",
    ("type", "routing", "engine"),
    registry=REGISTRY,
)
_batch_size = prometheus.Histogram(
    f"{PREFIX}batch_size",
    "Items written in one transaction.",
    ("name",),
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024),
    registry=REGISTRY,
)
_rate_limited = prometheus.Counter(
    f"{PREFIX}rate_limited_total", "Requests refused by the rate limit.", registry=REGISTRY
)
_provider_calls = prometheus.Gauge(
    f"{PREFIX}provider_calls_under_way",
    "Exchanges with providers that have begun and not ended.",
    ("provider",),
    multiprocess_mode="livesum",
    registry=REGISTRY,
)
_provider_seconds = prometheus.Histogram(
    f"{PREFIX}provider_call_duration_seconds",
    "One exchange with a provider.",
    ("provider", "outcome"),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60),
    registry=REGISTRY,
)
_rewordings = prometheus.Counter(
    f"{PREFIX}rewordings_total",
    "Summaries that were given to a language model, by what became of its text.",
    ("outcome",),
    registry=REGISTRY,
)
# What the text format makes of their names; a gauge of the same name would spoil the scrape.
_TAKEN = frozenset(
    metric.name + suffix
    for metric in REGISTRY.collect()
    for suffix in ("", "_total", "_bucket", "_count", "_sum")
)
_routes: set[str] = set()


def count_request(*, method: str, route: str | None, status: int, seconds: float) -> None:
    """An HTTP request was answered.

    route: the template, `/issues/{issue_id}`, never the path; None when no route matched
    """
    known = _answered.get((method, route, status))
    if known is None:
        known = _series_of(method, route, status)
        if len(_answered) < _ANSWERED_MAX:
            _answered[method, route, status] = known
    counter, histogram = known
    counter.inc()
    histogram.observe(seconds)


# Finding a series by its labels takes longer than counting in it.
_ANSWERED_MAX = 4 * ROUTES_MAX
_answered: dict[tuple[str, str | None, int], tuple[Any, Any]] = {}


def _series_of(method: str, route: str | None, status: int) -> tuple[Any, Any]:
    method = method if method in _METHODS else "other"
    route = "unmatched" if route is None else _bounded_route(route)
    counter = _http_requests.labels(method, route, str(status))
    return counter, _http_seconds.labels(method, route)


def count_job(*, task: str, outcome: str, seconds: float) -> None:
    """An attempt at a job ended. `outcome`: one of a few words, not an error's text."""
    _jobs.labels(task, outcome).inc()
    _job_seconds.labels(task).observe(seconds)


def count_decision(*, type: str, routing: str, engine: str, count: int = 1) -> None:
    """`count` issues of one kind were decided by `engine` and routed."""
    _issues_decided.labels(type, routing, engine).inc(count)


def count_batch(*, name: str, size: int) -> None:
    """A batch of `size` items was worked on together."""
    _batch_size.labels(name).observe(size)


def count_rate_limited() -> None:
    """A request was refused because the caller asks too often."""
    _rate_limited.inc()


def provider_call_begun(*, provider: str) -> None:
    """An exchange is about to begin; `provider_call_ended` must follow."""
    _under_way(provider).inc()


def provider_call_ended(*, provider: str, outcome: str | None, seconds: float) -> None:
    """An exchange ended. `outcome`: one of a few words; None: it was canceled."""
    _under_way(provider).dec()
    if outcome is not None:
        _seconds_of(provider, outcome).observe(seconds)


@cache  # as many as there are providers and words
def _under_way(provider: str) -> Any:
    return _provider_calls.labels(provider)


@cache
def _seconds_of(provider: str, outcome: str) -> Any:
    return _provider_seconds.labels(provider, outcome)


def count_rewording(*, outcome: str) -> None:
    """A text came back from a language model, or did not: `used`, `refused` or `failed`."""
    _rewordings.labels(outcome).inc()


def _bounded_route(route: str) -> str:
    if route in _routes:
        return route
    if len(_routes) >= ROUTES_MAX:
        return "other"
    _routes.add(route)
    return route


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A gauge that is read at the moment of the scrape, such as the depth of a queue.

    `name` is without the `paywright_`. Samples of one name must share their label names.
    """

    name: str
    value: float
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    help: str = ""


def gauges(name: str, values: Mapping[str, float], *, label: str, help: str) -> list[Sample]:
    """One sample a key: `gauges("queue_depth", {"queued": 3}, label="status", help="…")`."""
    return [Sample(name=name, value=v, labels={label: k}, help=help) for k, v in values.items()]


def render(extra: Iterable[Sample] = ()) -> tuple[bytes, str]:
    """The answer to a scrape: body and content type.

    Raises ValueError when an extra sample has a bad name, is there twice, or has the name of a
    metric that is counted already: Prometheus would refuse the whole answer.
    """
    gauge_registry = prometheus.CollectorRegistry()
    gauge_registry.register(_Gauges(_grouped(extra)))
    if MULTIPROCESS:
        counted = prometheus.CollectorRegistry()
        multiprocess.MultiProcessCollector(counted)
    else:
        counted = REGISTRY
    body = prometheus.generate_latest(counted) + prometheus.generate_latest(gauge_registry)
    return body, CONTENT_TYPE


class _Gauges:
    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def _grouped(samples: Iterable[Sample]) -> list[Metric]:
    metrics: dict[str, Metric] = {}
    seen: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
    for sample in samples:
        name = PREFIX + sample.name
        series = (name, tuple(sorted(sample.labels.items())))
        if not _is_name(sample.name) or not all(map(_is_name, sample.labels)):
            raise ValueError(f"not a metric name, or not a label name: {sample!r}")
        if name in _TAKEN or series in seen:
            raise ValueError(f"counted already: {name} {dict(sample.labels)}")
        metric = metrics.setdefault(name, Metric(name, sample.help or sample.name, "gauge"))
        if metric.samples and metric.samples[0].labels.keys() != sample.labels.keys():
            raise ValueError(f"label names differ from those of the other samples: {sample!r}")
        seen.add(series)
        metric.add_sample(name, dict(sample.labels), float(sample.value))
    return list(metrics.values())


def _is_name(text: str) -> bool:
    return text.isascii() and text.isidentifier()


def mark_process_dead(pid: int) -> None:
    """For the process that supervises: `pid` has ended. Its counts stay, as they must."""
    if MULTIPROCESS:
        multiprocess.mark_process_dead(pid)


def forget_earlier_run() -> None:
    """Remove the counts of processes of an earlier run.

    Only for the supervising process, before it starts the first worker: taking the file of a
    living process makes its counts vanish.
    """
    if MULTIPROCESS:
        for file in Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).glob("*.db"):
            if not file.stem.endswith(f"_{os.getpid()}"):
                file.unlink(missing_ok=True)
