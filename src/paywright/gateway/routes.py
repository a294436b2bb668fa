"""Which providers are asked for what, and in which order."""

from collections.abc import Mapping, Sequence

import msgspec

from paywright.core.currencies import EXPONENT
from paywright.gateway.model import OrderKind, Provider

# A refund goes to whoever took the charge: there is nothing to choose.
_ROUTED = (OrderKind.CHARGE, OrderKind.PAYOUT)


class Routes(msgspec.Struct, frozen=True):
    """by_kind: names in their order, by kind and currency; the currency None: all that have no
    line of their own"""

    by_kind: Mapping[tuple[OrderKind, str | None], tuple[str, ...]]

    def of(
        self, kind: OrderKind, currency: str, providers: Mapping[str, Provider]
    ) -> tuple[str, ...]:
        """Who may be asked, in order; nobody, where nobody handles it."""
        for key in ((kind, currency), (kind, None)):
            if (named := self.by_kind.get(key)) is not None:
                return named
        return tuple(name for name, it in providers.items() if kind in it.handles)

    def check(self, providers: Mapping[str, Provider]) -> None:
        """Raise ValueError where somebody is named for what they cannot do."""
        for (kind, _), names in self.by_kind.items():
            for name in names:
                if name not in providers or kind not in providers[name].handles:
                    raise ValueError(f"{name} is not set up for {kind}")


def parse_routes(text: str, *, known: Sequence[str]) -> Routes:
    """Read `charge=stripe;payout:EUR=partner_bank,backup_bank`. Nothing: no routes.

    known: the providers that are set up
    Raises ValueError, saying what is wrong.
    """
    by_kind: dict[tuple[OrderKind, str | None], tuple[str, ...]] = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        key, names = _route(part, known)
        if key in by_kind:
            raise ValueError(f"{part.partition('=')[0].strip()!r} is there twice")
        by_kind[key] = names
    return Routes(by_kind)


def _route(part: str, known: Sequence[str]) -> tuple[tuple[OrderKind, str | None], tuple[str, ...]]:
    left, sign, right = part.partition("=")
    word, colon, currency = (it.strip() for it in left.partition(":"))
    kind = next((it for it in _ROUTED if it.value == word), None)
    if kind is None or not sign:
        kinds = " or ".join(it.value for it in _ROUTED)
        raise ValueError(f"{part!r} must look like kind=name,name, the kind being {kinds}")
    if colon and currency not in EXPONENT:
        raise ValueError(f"{currency!r} in {part!r} is not a currency")
    names = tuple(it.strip() for it in right.split(","))
    for name in names:
        if name not in known:
            others = ", ".join(known) or "none"
            raise ValueError(f"{name!r} in {part!r} is not set up; those that are: {others}")
    if len(set(names)) < len(names):
        raise ValueError(f"{part!r} names somebody twice")
    return (kind, currency or None), names
