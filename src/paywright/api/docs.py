"""The API's description: OpenAPI, a page to read and try it, and a page for each problem.

Everything is served from here; the browser asks no other host for anything.
"""

from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
from litestar import MediaType, Request, Response, get
from litestar.static_files import create_static_files_router

from paywright.api.auth import PUBLIC
from paywright.api.problems import DOCS, NoSuchPath
from paywright.core.errors import Problem

_PUBLIC = {"permission": PUBLIC}
# Of the package swagger-ui-py only the files of Swagger UI itself are used.
_SWAGGER = Path(str(files("swagger_ui").joinpath("static")))
_OURS = Path(str(files("paywright.api").joinpath("static")))

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Paywright API</title>
<link rel="stylesheet" href="/docs/swagger/swagger-ui.css">
<link rel="icon" href="/docs/static/icon.svg">
<main id="docs"></main>
<script src="/docs/swagger/swagger-ui-bundle.js"></script>
<script src="/docs/static/docs.js"></script>
</html>
"""


@get("/docs", opt=_PUBLIC, media_type=MediaType.HTML, include_in_schema=False)
async def get_docs() -> str:
    """The API's description, to read and try out."""
    return _PAGE


@get("/openapi.json", opt=_PUBLIC, include_in_schema=False)
async def get_openapi(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The API's description, for machines."""
    state = request.app.state
    if "openapi" not in state:
        state.openapi = msgspec.json.encode(state.describe())
    return Response(state.openapi, media_type="application/json")


@get("/problems/{code:str}", opt=_PUBLIC, media_type=MediaType.HTML, include_in_schema=False)
async def get_problem(code: str) -> str:
    """What a problem type means, from the docstring of its class."""
    problem = all_problems().get(code)
    if problem is None:
        raise NoSuchPath(f"{DOCS}{code[:80]}")
    _, _, rest = (problem.__doc__ or "").partition("\n")
    paragraphs = "".join(
        f"<p>{escape(' '.join(paragraph.split()))}</p>"
        for paragraph in rest.split("\n\n")
        if paragraph.strip()
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f"<title>{escape(problem.title())}</title>"
        f"<h1>{escape(problem.title())}</h1>{paragraphs}"
        f"<p>Status {problem.status}, type <code>{DOCS}{escape(code)}</code>.</p></html>"
    )


def all_problems() -> dict[str, type[Problem]]:
    """Every problem type that is loaded, by code."""
    found: dict[str, type[Problem]] = {}
    waiting: list[type[Problem]] = [Problem]
    while waiting:
        kind = waiting.pop()
        waiting.extend(kind.__subclasses__())
        if hasattr(kind, "status"):
            found[kind.code()] = kind
    return found


def _assets(path: str, folder: Path) -> Any:
    return create_static_files_router(
        path=path,
        directories=[folder],
        opt=_PUBLIC,
        include_in_schema=False,
        cache_control=None,
    )


ROUTES = [
    get_docs,
    get_openapi,
    get_problem,
    _assets("/docs/swagger", _SWAGGER),
    _assets("/docs/static", _OURS),
]
