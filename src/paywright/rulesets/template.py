"""Texts with `{name}` placeholders. Pure.

Not `str.format`: a template comes out of a document, and format specifications and attribute
access have no business in one.
"""

import re
from collections.abc import Container, Mapping

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class Template:
    """Raises ValueError when the text has another placeholder than `names`, or a stray brace."""

    __slots__ = ("_parts", "text")

    def __init__(self, text: str, names: Container[str]) -> None:
        self.text = text
        # Odd parts are the names: what `split` makes of the one group.
        self._parts = _PLACEHOLDER.split(text)
        for name in self._parts[1::2]:
            if name not in names:
                raise ValueError(f"unknown placeholder {{{name}}}")
        if any("{" in part or "}" in part for part in self._parts[::2]):
            raise ValueError("a brace that belongs to no {placeholder}")

    def render(self, values: Mapping[str, object]) -> str:
        """The text with each placeholder replaced. Values are taken as they are, once."""
        parts = self._parts.copy()
        for i in range(1, len(parts), 2):
            value = values[parts[i]]
            parts[i] = str(value).lower() if isinstance(value, bool) else str(value)
        return "".join(parts)
