"""Logs, metrics and request ids: how the running system tells what it does, without secrets."""

from paywright.telemetry.logs import configure_logging
from paywright.telemetry.redaction import redact
from paywright.telemetry.request_id import accept_request_id, new_request_id

# `metrics` is imported by name: importing it opens files when PROMETHEUS_MULTIPROC_DIR is set.
__all__ = ["accept_request_id", "configure_logging", "new_request_id", "redact"]
