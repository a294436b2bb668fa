"""The id that ties a request to its log lines, its events and its jobs."""

import re
import secrets

_ACCEPTED = re.compile(r"[A-Za-z0-9._-]{1,64}")


def new_request_id() -> str:
    """A fresh id, `req_` and 128 random bits."""
    return f"req_{secrets.token_hex(16)}"


def accept_request_id(header: str | None) -> str:
    """The caller's own id where it is harmless in logs and headers, otherwise a new one."""
    if header is not None and _ACCEPTED.fullmatch(header):
        return header
    return new_request_id()
