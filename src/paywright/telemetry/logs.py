"""Structured logs: one JSON object a line, ours and the libraries' alike, redacted at the end.

Ours is `structlog.get_logger()`; context is bound with `structlog.contextvars`. What libraries
say through `logging` joins the same pipeline, so there is one place where a secret is stopped.
"""

import json as stdlib_json
import logging
import re
import sys
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec
import structlog
from structlog.processors import ExceptionRenderer
from structlog.tracebacks import ExceptionDictTransformer

from paywright.telemetry.redaction import redact

Event = MutableMapping[str, Any]
Processor = Callable[[Any, str, Event], Any]

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}
# Loggers that come with handlers of their own, which would print past the pipeline.
_ADOPTED = ("uvicorn", "uvicorn.error", "uvicorn.access", "litestar", "pgqueuer", "asyncio")
# They tell every request at `info`, with its whole URL.
_CHATTY = ("httpx", "httpx2", "httpcore", "httpcore2")
_METHOD_LEVELS = {"exception": "error", "warn": "warning", "fatal": "critical", "msg": "info"}
_RECORD_FIELDS = frozenset(
    (*vars(logging.makeLogRecord({})), "message", "asctime", "color_message", "taskName")
)

# The one list that every logger holds, also those made before `configure_logging` was called
# again: it is changed in place.
_pipeline: list[Processor] = []


def configure_logging(
    level: str, *, service: str, stream: TextIO | None = None, json: bool | None = None
) -> None:
    """Send everything logged in this process to `stream`, from `level` up. May be called again.

    level:  debug, info, warning, error or critical; raises ValueError for anything else
    stream: None means whatever `sys.stderr` is when a line is written
    json:   None means JSON unless the stream is a terminal

    Loggers bound before a second call keep the level of the first. Start uvicorn with
    `log_config=None`, or it puts its own handlers back.
    """
    if level not in LEVELS:
        raise ValueError(f"unknown log level {level!r}: expected one of {', '.join(LEVELS)}")
    target = stream or sys.stderr
    terminal = target is not None and target.isatty()
    if json is None:
        json = not terminal
    render = _json_line(service) if json else _console_line(colors=terminal)
    _pipeline[:] = [structlog.contextvars.merge_contextvars, _guarded(render, service)]
    structlog.configure(
        processors=_pipeline,
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=lambda *_: _Writer(stream),
        cache_logger_on_first_use=False,  # a logger of a module must see a second configuration
    )
    _adopt_stdlib_logging(LEVELS[level], _Writer(stream))


def _guarded(render: Processor, service: str) -> Processor:
    """`render`, but what cannot be rendered becomes a line that says so."""

    def guarded(logger: Any, method: str, event: Event) -> Any:
        try:
            return render(logger, method, event)
        except Exception as error:  # logging must not fail what it tells about
            return _encode(
                {
                    "ts": datetime.now(UTC),
                    "level": "error",
                    "event": "a log line could not be rendered",
                    "service": service,
                    "error": type(error).__name__,
                }
            )

    return guarded


# structlog's ready-made `dict_tracebacks` would log the local variables of each frame.
_render_exception = ExceptionRenderer(
    ExceptionDictTransformer(show_locals=False, max_frames=50, use_rich=False)
)


def _json_line(service: str) -> Processor:
    def render(logger: Any, method: str, event: Event) -> bytes:
        # Rendering comes before redaction: an exception's message and notes may quote a payer.
        event = _render_exception(logger, method, event)
        line = {
            "ts": datetime.now(UTC),
            "level": _METHOD_LEVELS.get(method, method),
            "event": redact(event.pop("event", None)),
            "service": service,
        }
        # A field of the caller's cannot pose as one of ours.
        return _encode(line | _clean_fields(event) | line)

    return render


def _clean_fields(event: Event) -> dict[str, Any]:
    fields = redact(event)
    return fields if isinstance(fields, dict) else {"fields": fields}


_encode_json = msgspec.json.Encoder().encode


def _encode(line: dict[str, Any]) -> bytes:
    try:
        return _encode_json(line)
    except (UnicodeEncodeError, ValueError, TypeError):  # half of a surrogate pair, mostly
        return stdlib_json.dumps(line, default=str).encode()


def _console_line(*, colors: bool) -> Processor:
    renderer = structlog.dev.ConsoleRenderer(
        colors=colors, exception_formatter=structlog.dev.plain_traceback
    )

    def render(logger: Any, method: str, event: Event) -> bytes:
        event = structlog.processors.format_exc_info(logger, method, event)
        clean = {key: _printable(value) for key, value in _clean_fields(event).items()}
        clean["timestamp"] = f"{datetime.now(UTC):%H:%M:%S.%f}"[:-3]
        clean["level"] = _METHOD_LEVELS.get(method, method)
        return str(renderer(logger, method, clean)).encode("utf-8", "backslashreplace")

    return render


def _printable(value: object) -> object:
    """No escape sequence of somebody else's reaches the terminal."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", value) if isinstance(value, str) else value


_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class _Writer:
    """Writes rendered lines, each in one piece, so that processes may share a stream.

    A stream that is closed or full loses the line: logging must not fail what it tells about.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def write(self, line: bytes) -> None:
        try:
            stream = self._stream or sys.stderr
            buffer = getattr(stream, "buffer", None)
            if buffer is None:
                stream.write(line.decode() + "\n")
                stream.flush()
            else:  # past the text layer, whose encoding is the locale's
                buffer.write(line + b"\n")
                buffer.flush()
        except (OSError, ValueError, AttributeError):
            pass

    # structlog calls the method of the level.
    debug = info = warning = error = critical = msg = write


class _Bridge(logging.Handler):
    """What a library logs, as an event of ours."""

    def __init__(self, writer: _Writer) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        line: Any = self._event(record)
        try:
            for processor in tuple(_pipeline):
                line = processor(None, record.levelname.lower(), line)
        except structlog.DropEvent:
            return
        self._writer.write(line)

    @staticmethod
    def _event(record: logging.LogRecord) -> Event:
        try:
            text = record.getMessage()
        except Exception:  # arguments that do not fit the format
            text = str(record.msg)
        event: Event = {k: v for k, v in vars(record).items() if k not in _RECORD_FIELDS}
        event |= {"event": text, "logger": record.name}
        if record.exc_info:
            event["exc_info"] = record.exc_info
        if record.stack_info:
            event["stack"] = record.stack_info
        return event


def _adopt_stdlib_logging(level: int, writer: _Writer) -> None:
    root = logging.getLogger()
    for handler in [h for h in root.handlers if isinstance(h, _Bridge)]:
        root.removeHandler(handler)
    root.addHandler(_Bridge(writer))
    root.setLevel(level)
    for name in _ADOPTED:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.NOTSET)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(
            logging.NOTSET if level <= logging.DEBUG else max(level, logging.WARNING)
        )
    logging.captureWarnings(capture=True)
