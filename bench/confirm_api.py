"""The API as `paywright serve` runs it, with a rate limit of its own, and telling what its
processor was busy with.

    python -m bench.confirm_api [--limit N] [--samples FILE]       settings as of `paywright`

Writes its process id to FILE. SIGUSR1 has it begin anew; in the end it writes the shares.
"""

import argparse
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import msgspec
import uvloop

from bench.ledger_watch import Samples
from paywright.cli.processes import end_with_supervisor
from paywright.cli.serve import serve
from paywright.settings import read_settings
from paywright.telemetry.logs import configure_logging

_ELSE = "HTTP server, event loop, driver"

# What a source file is about. The innermost frame that is listed decides.
_SUBJECTS: Sequence[tuple[str, str]] = (
    ("paywright/rulesets/", "rules (CEL)"),
    ("paywright/risk/store.py", "risk: assessments and velocity, to and from rows"),
    ("paywright/risk/record.py", "risk: assessments and velocity, to and from rows"),
    ("paywright/risk/", "risk: facts and verdict"),
    ("paywright/payments/checks.py", "risk: facts and verdict"),
    ("paywright/screening/", "screening standing"),
    ("paywright/kyc/", "KYC standing"),
    ("paywright/customers/", "customers on file"),
    ("paywright/throttle/", "throttle"),
    ("/jwt/", "who calls (key, JWT)"),
    ("paywright/identity/", "who calls (key, JWT)"),
    ("paywright/api/auth.py", "who calls (key, JWT)"),
    ("paywright/core/actor.py", "who calls (key, JWT)"),
    ("paywright/api/", "reading requests, rendering answers"),
    ("paywright/telemetry/", "reading requests, rendering answers"),
    ("paywright/events/", "events"),
    ("paywright/ledger/", "ledger"),
    ("paywright/idempotency/", "idempotency"),
    ("paywright/payments/", "payments"),
    ("paywright/batching.py", "payments"),
    ("/asyncpg/", _ELSE),
    ("/uvicorn/", _ELSE),
    ("/asyncio/", _ELSE),
)


class Subjects(Samples):
    """By the subjects of confirming a transfer."""

    def begin_anew(self, *_: object) -> None:
        """What starting up and warming up took is not of interest."""
        self._counts.clear()

    def _look(self, _: int, frame: FrameType | None) -> None:
        while frame is not None:
            path = frame.f_code.co_filename
            for part, subject in _SUBJECTS:
                if part in path:
                    self._counts[subject] += 1
                    return
            frame = frame.f_back
        self._counts[_ELSE] += 1


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.confirm_api", description=__doc__)
    parser.add_argument("--limit", type=int, default=0, help="requests in a window; 0: no limit")
    parser.add_argument("--samples", type=Path, help="write shares of the processor's time here")
    options = parser.parse_args()
    end_with_supervisor()
    settings = msgspec.structs.replace(read_settings(), rate_limit_max=options.limit)
    configure_logging(settings.log_level, service="bench-api")
    if options.samples is not None:
        options.samples.write_text(str(os.getpid()))
    with Subjects(enabled=options.samples is not None) as samples:
        signal.signal(signal.SIGUSR1, samples.begin_anew)
        uvloop.run(serve(settings, url=settings.database_url))
    if options.samples is not None:
        options.samples.write_bytes(msgspec.json.encode(samples.shares(1.0)))


if __name__ == "__main__":
    main()
