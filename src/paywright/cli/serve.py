"""Serve the HTTP API from this process."""

import asyncio
import signal
import socket
from collections.abc import Generator
from contextlib import contextmanager

import structlog
import uvicorn

from paywright.api.app import create_api
from paywright.cli.console import CommandFailed
from paywright.settings import Settings
from paywright.wiring import build_patiently

log = structlog.get_logger()

_BACKLOG = 2048


def bind(settings: Settings, *, shared: bool) -> socket.socket:
    """A socket on the port of the settings. Raises CommandFailed, naming it, when it is taken.

    shared: several processes may have it; the kernel spreads the connections
    """
    family = socket.AF_INET6 if ":" in settings.bind_address else socket.AF_INET
    door = socket.socket(family, socket.SOCK_STREAM)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        door.bind((settings.bind_address, settings.port))
    except OSError as error:
        door.close()
        raise CommandFailed(_port_refused(settings, error)) from error
    return door


def _port_refused(settings: Settings, error: OSError) -> str:
    """Why the port cannot be listened on, and what to do about it."""
    other = settings.port + 1 if settings.port < 65535 else 3001
    if isinstance(error, PermissionError):
        other = 3000
        reason = f"this account may not listen on port {settings.port}"
    elif error.errno in (98, 48):  # EADDRINUSE on Linux, on macOS
        reason = f"port {settings.port} on {settings.bind_address} is taken by another program"
    else:
        reason = f"cannot listen on {settings.bind_address} port {settings.port}: {error.strerror}"
    return f"{reason}; choose another one, for example: PORT={other} make run"


async def serve(settings: Settings, *, url: str) -> None:
    """Answer requests until SIGTERM or SIGINT, then finish those under way."""
    door = bind(settings, shared=settings.api_processes > 1)
    door.listen(_BACKLOG)
    app = await build_patiently(settings, url=url, application="paywright-api")
    server = _Server(
        uvicorn.Config(
            create_api(app),
            lifespan="on",
            http="httptools",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=settings.trusted_proxies or None,
            timeout_graceful_shutdown=max(1, settings.shutdown_timeout_ms // 1000),
            timeout_keep_alive=75,
        )
    )
    log.info("api.started", host=settings.bind_address, port=settings.port)
    try:
        await server.serve(sockets=[door])
    finally:
        await app.close()
        log.info("api.stopped")


class _Server(uvicorn.Server):
    """Ends with status 0 when it is asked to: uvicorn would raise the signal once more."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGTERM, signal.SIGINT)
        for number in numbers:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)
