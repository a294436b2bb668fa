"""Which database a command works on, and starting the embedded one where there is none."""

from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from paywright.cli.console import CommandFailed
from paywright.cli.private_file import write_private
from paywright.db.embedded import AlreadyRunning, EmbeddedServer
from paywright.settings import Settings


def url_file(settings: Settings) -> Path:
    """Where a running `paywright up` says how to reach its database. Private: it has a password."""
    return settings.paywright_data_dir / "database-url"


def server_of(settings: Settings) -> EmbeddedServer:
    return EmbeddedServer(settings.paywright_data_dir / "postgres")


@contextmanager
def database(settings: Settings) -> Generator[str]:
    """The URL of the database, for as long as the block runs.

    DATABASE_URL where it is set; else the embedded server: the one that runs already, or one
    started for this block.
    """
    if settings.database_url:
        yield settings.database_url
        return
    server = server_of(settings)
    try:
        url = server.start()
    except AlreadyRunning:
        yield _running(settings)
        return
    try:
        yield url
    finally:
        server.stop()


def publish(settings: Settings, url: str) -> None:
    """Tell other commands how to reach the database."""
    write_private(url_file(settings), url)


def withdraw(settings: Settings) -> None:
    with suppress(OSError):
        url_file(settings).unlink()


def _running(settings: Settings) -> str:
    try:
        return url_file(settings).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise CommandFailed(
            "the embedded database is starting or stopping in another process; try again"
        ) from None
