"""Lists of Stripe's, page by page, the newest first."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from paywright.gateway.model import Lost, Why
from paywright.gateway.stripe.answers import Named, Page, read

if TYPE_CHECKING:  # it imports the SDK
    from paywright.gateway.stripe.client import Api

_PAGES_MAX = 200
T = TypeVar("T", bound=Named)


async def collect(
    api: "Api",
    path: str,
    params: Mapping[str, Any],
    kind: type[Page[T]],
    *,
    limit: int = 100,
    account: str | None = None,
) -> list[T] | Lost:
    """All of it, or nothing: a part of a list does not tell what is not on it.

    kind:  of a page
    limit: elements a page, 100 at most
    """
    found: list[T] = []
    after: dict[str, str] = {}
    for _ in range(_PAGES_MAX):
        heard = await api.get(path, {**params, **after, "limit": limit}, account=account)
        page = read(heard, kind)
        if isinstance(page, Lost):
            return page
        found += page.data
        if not page.has_more:
            return found
        if not page.data:
            return Lost(why=Why.UNREADABLE, detail="a page without an end")
        after = {"starting_after": page.data[-1].id}
    return Lost(why=Why.UNREADABLE, detail=f"more than {_PAGES_MAX} pages")
