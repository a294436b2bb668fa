"""Run a command's work on the application."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from cyclopts import Parameter

from paywright.cli.console import CommandFailed, guarded, run
from paywright.cli.database import database
from paywright.cli.simulated import with_simulated
from paywright.db.migrate import migrate, missing
from paywright.settings import Settings, read_settings
from paywright.wiring import App, build

T = TypeVar("T")
Json = Annotated[bool, Parameter(name="--json", negative=(), help="Print JSON, for machines.")]


def with_app(main: Callable[[App], Awaitable[T]], *, calls_out: bool = False) -> T:
    """Run `main` on the application. In development the schema is brought up to date first.

    calls_out: it needs the providers, also those that a running `up` simulates. The others do
               without: to set up a card provider takes half a second
    """

    async def inside(settings: Settings, url: str) -> T:
        if settings.environment == "production":
            if await missing(url):
                raise CommandFailed("the schema is not up to date; run `paywright migrate`")
        else:
            await migrate(url)
        app = await build(settings, url=url, application="paywright-cli")
        try:
            return await main(app)
        finally:
            await app.close()

    def command() -> T:
        settings = read_settings()
        if calls_out:
            settings = with_simulated(settings)
        with database(settings) as url:
            return run(inside(settings, url))

    return guarded(command)
