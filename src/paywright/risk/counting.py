"""What Prometheus is told about risk."""

import prometheus_client as prometheus

from paywright.risk.model import Level
from paywright.telemetry.metrics import PREFIX, REGISTRY

_assessments = prometheus.Counter(
    f"{PREFIX}risk_assessments_total",
    "Payments that were assessed.",
    ("level",),
    registry=REGISTRY,
)
_failed = prometheus.Counter(
    f"{PREFIX}risk_rules_failed_total",
    "Rules that could not be evaluated; their payments were taken for high.",
    ("rule",),
    registry=REGISTRY,
)
_by_level = {level: _assessments.labels(level.value) for level in Level}


def count_assessments(level: Level, count: int) -> None:
    _by_level[level].inc(count)


def count_failed_rule(rule_id: str) -> None:
    """`rule_id`: of a rule set, of which there are a few, or builtin."""
    _failed.labels(rule_id).inc()
