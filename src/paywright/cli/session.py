"""Run a command's work on the application."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from cyclopts import Parameter

from paywright.cli.console import guarded, run
from paywright.cli.database import database
from paywright.db.migrate import migrate
from paywright.settings import Settings, read_settings
from paywright.wiring import App, build

T = TypeVar("T")
Json = Annotated[bool, Parameter(name="--json", negative=(), help="Print JSON, for machines.")]


def with_app(main: Callable[[App], Awaitable[T]]) -> T:
    """Run `main` on the application, over a migrated database."""

    async def inside(settings: Settings, url: str) -> T:
        await migrate(url)
        app = await build(settings, url=url, application="paywright-cli")
        try:
            return await main(app)
        finally:
            await app.close()

    def command() -> T:
        settings = read_settings()
        with database(settings) as url:
            return run(inside(settings, url))

    return guarded(command)
