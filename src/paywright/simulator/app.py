"""The simulator as one ASGI application, and the server that it runs under."""

import asyncio
import itertools
import signal
import socket
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime

import uvicorn
from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.exceptions import MethodNotAllowedException, NotFoundException
from litestar.types import ASGIApp

from paywright.simulator import bank, control, kyc_provider, statements
from paywright.simulator.books import Books
from paywright.simulator.delivery import Webhooks
from paywright.simulator.faults import AllFaults, Faults, FaultSource
from paywright.simulator.line import BadLine, Line
from paywright.simulator.requests import Refused, explain
from paywright.simulator.statements import Untruths
from paywright.simulator.stripe.edge import answer_nowhere
from paywright.simulator.stripe.keys_in_use import KeysInUse
from paywright.simulator.stripe.routes import ROUTES as STRIPE_ROUTES
from paywright.simulator.webhooks import Hooks, Teller


def create_simulator(
    books: Books,
    *,
    token: str,
    seed: int,
    faults: Faults,
    hooks: Hooks,
    clock: Callable[[], datetime],
) -> ASGIApp:
    """A partner bank below `/bank/v1`, a KYC provider below `/kyc/v1`, Stripe below `/stripe/v1`,
    the knobs in `/control`."""
    source = AllFaults(faults, seed=seed, monotonic=time.monotonic)
    sources: dict[Teller, FaultSource] = {
        "bank": source.sides["bank"],
        "stripe": source.sides["stripe"],
    }
    webhooks = Webhooks(books, hooks, sources, clock=clock)
    inner = Litestar(
        route_handlers=[
            Router("/bank/v1", route_handlers=[*bank.ROUTES, *statements.ROUTES]),
            Router("/kyc/v1", route_handlers=kyc_provider.ROUTES),
            Router("/stripe", route_handlers=STRIPE_ROUTES),
            Router("/control", route_handlers=control.ROUTES),
        ],
        exception_handlers={
            Refused: explain,
            NotFoundException: answer_nowhere,
            MethodNotAllowedException: answer_nowhere,
        },
        state=State(
            {
                "books": books,
                "faults": source,
                "token": token,
                "clock": clock,
                "webhooks": webhooks,
                "untruths": Untruths(),
                "stripe_requests": itertools.count(1),
            }
        ),
        on_startup=[webhooks.resume],
        on_shutdown=[webhooks.close],
        openapi_config=None,
        logging_config=None,
    )
    return KeysInUse(BadLine(inner, source))


async def serve(app: ASGIApp, door: socket.socket) -> None:
    """Answer until SIGTERM or SIGINT. door: bound already"""
    server = _Server(
        uvicorn.Config(
            app,
            http=Line,
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,  # who hangs on purpose is not waited for
        )
    )
    await server.serve(sockets=[door])


class _Server(uvicorn.Server):
    """Ends with status 0 when it is asked to: uvicorn would raise the signal once more."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield
