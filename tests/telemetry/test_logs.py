"""What arrives on the stream, line by line."""

import io
import json
import logging
import subprocess
import sys
import warnings
from collections.abc import Iterator
from datetime import datetime

import pytest
import structlog

from paywright.telemetry import configure_logging
from paywright.telemetry.logs import _Bridge


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(capture=False)
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def lines(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_line_with_its_context(stream: io.StringIO) -> None:
    configure_logging("info", service="api", stream=stream)
    with structlog.contextvars.bound_contextvars(request_id="req_1", actor="key_1"):
        structlog.get_logger().info("issue\ndecided", confidence=92)
    (line,) = lines(stream)
    at = datetime.fromisoformat(line.pop("ts"))
    assert at.utcoffset() is not None
    assert not at.utcoffset()
    assert line == {
        "level": "info",
        "event": "issue\ndecided",
        "service": "api",
        "request_id": "req_1",
        "actor": "key_1",
        "confidence": 92,
    }
    assert list(lines(stream)[0])[:4] == ["ts", "level", "event", "service"]


def test_less_than_the_level_is_not_written(stream: io.StringIO) -> None:
    configure_logging("warning", service="api", stream=stream)
    structlog.get_logger().info("no")
    logging.getLogger("uvicorn.error").info("no")
    structlog.get_logger().warning("yes")
    logging.getLogger("uvicorn.error").warning("yes too")
    assert [line["event"] for line in lines(stream)] == ["yes", "yes too"]


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'loud'.*debug, info, warning"):
        configure_logging("loud", service="api")


def test_secrets_do_not_arrive(stream: io.StringIO) -> None:
    configure_logging("info", service="api", stream=stream)
    structlog.contextvars.bind_contextvars(email="a@b.co")
    structlog.get_logger().info("paid by a@b.co", card=4111111111111111, headers={"Cookie": "x"})
    (line,) = lines(stream)
    assert line["event"] == "paid by [email]"
    assert line["card"] == "[card]"
    assert line["email"] == line["headers"]["Cookie"] == "[redacted]"


PASSWORD = "correct horse"


def failing(password: str) -> None:
    local = password + "-in-a-local"
    try:
        raise KeyError("card 4111 1111 1111 1111")
    except KeyError as error:
        error.add_note("told by a@b.co")
        raise ValueError("postgres://u:hunter2@db/x") from error
    finally:
        del local


@pytest.mark.parametrize("json_lines", [True, False])
@pytest.mark.parametrize("through_stdlib", [True, False])
def test_an_exception_is_told_without_locals_and_redacted(
    stream: io.StringIO, json_lines: bool, through_stdlib: bool
) -> None:
    configure_logging("info", service="api", stream=stream, json=json_lines)
    log = logging.getLogger("litestar") if through_stdlib else structlog.get_logger()
    try:
        failing(PASSWORD)
    except ValueError:
        log.exception("it failed")
    text = stream.getvalue()
    for secret in (PASSWORD, "-in-a-local", "hunter2", "a@b.co", "4111"):
        assert secret not in text
    assert "ValueError" in text
    assert "KeyError" in text
    assert "failing" in text
    if json_lines:
        (line,) = lines(stream)
        assert line["level"] == "error"
        assert line["exception"][0]["exc_value"] == "postgres://u:[redacted]@db/x"
        frame = line["exception"][0]["frames"][-1]
        assert frame.keys() == {"filename", "lineno", "name"}


@pytest.mark.parametrize("name", ["uvicorn", "uvicorn.access", "litestar", "pgqueuer", "asyncio"])
def test_libraries_join_the_pipeline_once(stream: io.StringIO, name: str) -> None:
    library = logging.getLogger(name)
    own = io.StringIO()
    library.addHandler(logging.StreamHandler(own))
    library.propagate = False
    configure_logging("info", service="worker", stream=stream)
    configure_logging("info", service="worker", stream=stream)
    structlog.contextvars.bind_contextvars(job_id="7")
    library.info("hello %s", "a@b.co", extra={"token": "abc", "queue": "q"})
    (line,) = lines(stream)
    del line["ts"]
    assert line == {
        "level": "info",
        "event": "hello [email]",
        "service": "worker",
        "logger": name,
        "job_id": "7",
        "token": "[redacted]",
        "queue": "q",
    }
    assert own.getvalue() == ""


def test_arguments_that_do_not_fit_are_no_error(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest's own raise here
    configure_logging("info", service="api", stream=stream)
    logging.getLogger("x").warning("%d items", "many")
    assert lines(stream)[0]["event"] == "%d items"


def test_warnings_are_events(stream: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        configure_logging("info", service="api", stream=stream)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        logging.captureWarnings(capture=False)
    assert "DeprecationWarning: old" in lines(stream)[0]["event"]


def test_fields_cannot_pose_as_ours(stream: io.StringIO) -> None:
    configure_logging("info", service="api", stream=stream)
    structlog.get_logger().info("x", level="critical", service="other", ts="1970")
    (line,) = lines(stream)
    assert (line["level"], line["service"]) == ("info", "api")
    assert not line["ts"].startswith("1970")


class Broken(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "value", ["\ud800", float("nan"), 2**80, object(), {1: {2}}, list(range(9999)), Broken()]
)
def test_any_value_can_be_logged(stream: io.StringIO, value: object) -> None:
    configure_logging("info", service="api", stream=stream)
    structlog.get_logger().info("x", value=value)
    structlog.get_logger().error("y", exc_info=value if isinstance(value, Broken) else None)
    first, _ = lines(stream)
    assert first["event"] == "x"


def test_a_closed_stream_loses_the_line_and_nothing_else(stream: io.StringIO) -> None:
    configure_logging("info", service="api", stream=stream)
    stream.close()
    structlog.get_logger().info("x")
    logging.getLogger("x").error("y")


def test_a_logger_of_a_module_follows_a_second_configuration(stream: io.StringIO) -> None:
    log = structlog.get_logger()
    configure_logging("error", service="one", stream=io.StringIO())
    log.info("no")
    configure_logging("info", service="two", stream=stream)
    log.info("yes")
    assert [(line["event"], line["service"]) for line in lines(stream)] == [("yes", "two")]
    assert sum(isinstance(h, _Bridge) for h in logging.getLogger().handlers) == 1


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_readable_lines_and_no_foreign_escapes() -> None:
    terminal = Terminal()
    configure_logging("info", service="api", stream=terminal)
    structlog.get_logger().info("pay\x1b]0;owned\x07", email="a@b.co")
    text = terminal.getvalue()
    assert not text.startswith("{")
    assert "\x1b]0;" not in text
    assert "\x07" not in text
    assert "a@b.co" not in text


def test_stderr_carries_utf_8_whatever_the_locale() -> None:
    code = (
        "import structlog; from paywright.telemetry import configure_logging\n"
        "configure_logging('info', service='api'); structlog.get_logger().info('zoë ✓')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path), "PYTHONIOENCODING": "latin-1"},
    )
    assert done.stdout == b""
    assert json.loads(done.stderr)["event"] == "zoë ✓"
