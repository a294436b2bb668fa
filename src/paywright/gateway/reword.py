"""Put a summary into other words, by a language model that is trusted with nothing.

What it writes is used only where it says the same: line by line, the names, the numbers with their
units and all words but a few empty ones must be those of our text, in the same order. A line is
about one provider, so that no number can pass to another; a list of what may be said, and not of
what may not, leaves no way to turn a sentence into its opposite.
"""

import re
from collections.abc import Collection, Sequence
from typing import Protocol
from urllib.parse import urlsplit

import msgspec
import structlog

from paywright.gateway.connections import Connections
from paywright.gateway.model import Lost

log = structlog.get_logger()

_LONGER_MAX = 2  # times as long as ours
_CONNECTIONS_MAX = 10
# Words that say nothing of their own: they may come, go and move. All others have to stay. A word
# that could tell of a state (out, on, down, through) is none of them.
_EMPTY_WORDS = """
    a an the this that these those it its they their of in at to into from for with by and as so
    while which who where when during past last recent recently currently now still is are was were
    be been being has have had got attempt attempts call calls request requests provider providers
    circuit breaker breakers remains remained stays stayed period span overall total altogether
    cause causes reason due because expected scheduled
"""
_FREE = frozenset(_EMPTY_WORDS.split())
_INSTRUCTION = f"""\
You rewrite status reports about payment providers in clear, plain English for operators.
Answer with the rewritten report alone, one line for each line that you are given, in plain text.
Keep every number, unit, time and name exactly as it is, and in the same order.
Keep all other words that carry a meaning, too, in the same order. You may add, leave out and move
only these: {", ".join(sorted(_FREE))}.
Add no facts, no judgement and no advice."""
# A unit belongs to its number, however it is written.
_UNITS = {
    "%": "%", "percent": "%", "ms": "ms", "millisecond": "ms", "milliseconds": "ms",
    "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s",
    "min": "min", "mins": "min", "minute": "min", "minutes": "min",
    "h": "h", "hour": "h", "hours": "h", "day": "day", "days": "day", "utc": "utc",
}  # fmt: skip
_TYPOGRAPHY = str.maketrans(
    {"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2019": "'", "\u2013": "-", "\u2014": " - "}
)
_SEPARATED = re.compile(r"(?<=[0-9])[,' ](?=[0-9]{3}(?![0-9]))")
# With all that is attached: `-28`, `28k`, `10-28` and `28/40` are not 28.
_NUMBER = r"[-+.]?[0-9][\w.:,/+-]*"
# No markup, no links, no code: whoever shows the text may take it for more than text.
_PLAIN = re.compile(r"[A-Za-z0-9 .,;:()%'_/+-]*")


class Reworder(Protocol):
    async def reword(self, text: str) -> str | None:
        """The text in other words; None where there is no answer. Never raises for the network.
        Whatever comes back has to pass `says_the_same`."""
        ...

    async def close(self) -> None:
        """Let go of the connections."""
        ...


def says_the_same(ours: str, theirs: str, *, names: Collection[str]) -> str | None:
    """The other text, with its white space tidied; None where it is not to be used.

    names: of providers and of people, which our text may hold
    """
    lines, others = _lines(ours), _lines(theirs.translate(_TYPOGRAPHY))
    if len(lines) != len(others):
        return None
    for line, other in zip(lines, others, strict=True):
        if len(other) > _LONGER_MAX * len(line):
            return None
        if _PLAIN.fullmatch(other) is None or "//" in other:
            return None
        if _meaning(line, names) != _meaning(other, names):
            return None
    return "\n".join(others)


def _lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def _meaning(line: str, names: Collection[str]) -> list[str]:
    """What must stay as it is, in its order."""
    known = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    piece = re.compile(rf"(?<![\w-])(?:{known or '(?!)'})(?![\w-])|{_NUMBER}|[A-Za-z]+|%")
    tokens: list[str] = []
    is_after_number = False
    for match in piece.finditer(_SEPARATED.sub("", line)):
        text = match[0]
        if text in names:
            tokens.append(text)
        elif any(char.isdigit() for char in text):
            tokens.append(text.rstrip(".,:;/-"))
        elif is_after_number and (unit := _UNITS.get(text.lower())) is not None:
            tokens.append(unit)
        elif text.lower() not in _FREE:
            tokens.append(text.lower())
        is_after_number = text[-1].isdigit() and text not in names
    return tokens


class OpenAICompatible:
    """A `Reworder` over the API that many servers share, also ones that run in-house.

    url:        of the API, `https://host/v1`
    timeout_ms: for the whole exchange; the summary waits for it
    Raises ValueError for what is no URL, and without a model.
    """

    def __init__(self, *, url: str, key: str, model: str, timeout_ms: int = 5_000) -> None:
        parsed = urlsplit(url)
        if parsed.scheme not in ("http", "https") or not parsed.hostname:
            raise ValueError("must look like https://host/v1")
        if not model:
            raise ValueError("needs a model")
        if not key.isascii() or not (key == "" or key.isprintable()):
            raise ValueError("needs a key in printable ASCII")
        self._model = model
        self._connections = Connections(
            deadline_s=timeout_ms / 1000,
            connections_max=_CONNECTIONS_MAX,
            base_url=url.rstrip("/"),
            headers={"Accept": "application/json"}
            | ({"Authorization": f"Bearer {key}"} if key else {}),
        )

    async def close(self) -> None:
        await self._connections.close()

    async def reword(self, text: str) -> str | None:
        request = {
            "model": self._model,
            "temperature": 0,
            "messages": [
                {"role": "system", "content": _INSTRUCTION},
                {"role": "user", "content": text},
            ],
        }
        heard = await self._connections.exchange(
            "POST",
            "/chat/completions",
            content=msgspec.json.encode(request),
            headers={"Content-Type": "application/json"},
        )
        if isinstance(heard, Lost):
            log.warning("gateway.rewording_failed", why=heard.why.value)
            return None
        try:
            if heard.status == 200:
                return msgspec.json.decode(heard.body, type=_Completion).text
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            pass
        log.warning("gateway.rewording_failed", why="unreadable", status=heard.status)
        return None


class _Message(msgspec.Struct, frozen=True):
    content: str


class _Choice(msgspec.Struct, frozen=True):
    message: _Message


class _Completion(msgspec.Struct, frozen=True):
    """The parts that we go by. More fields may come."""

    choices: Sequence[_Choice]

    @property
    def text(self) -> str | None:
        return self.choices[0].message.content if self.choices else None
