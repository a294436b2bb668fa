"""Open a list: plain or gzip, alone or with the files that belong to it beside it."""

import codecs
import gzip
import io
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from paywright.screening.loaders.parsed import ListTooLarge, ListUnreadable

# OFAC's largest file is about 120 MB, the whole of OpenSanctions about 500 MB.
BYTES_MAX = 1 << 30
_GZIP = b"\x1f\x8b"
_LOOK_BYTES = 8192


class Stream(Protocol):
    """What a list is read from."""

    def read(self, size: int = -1, /) -> bytes: ...


class Source:
    """The streams of one list.

    name:   of the main file, without folders and `.gz`
    main:   its content, unpacked
    beside: other files of the list by what they hold: `alt`, `add`, `comments`
    """

    def __init__(self, name: str, main: Stream, beside: Mapping[str, Stream]) -> None:
        self.name = name
        self.main: io.BufferedReader = io.BufferedReader(_Bounded(main, name), _LOOK_BYTES)
        self.beside: dict[str, io.BufferedReader] = {
            part: io.BufferedReader(_Bounded(stream, part)) for part, stream in beside.items()
        }

    def look(self) -> bytes:
        """The beginning, which stays unread."""
        try:
            return self.main.peek(_LOOK_BYTES)
        except (EOFError, OSError) as error:  # gzip, broken at once
            raise ListUnreadable(f"{self.name}: {error}") from None


class _Bounded(io.RawIOBase):
    """A stream that refuses to go on for ever: a small gzip file can unpack to terabytes."""

    def __init__(self, stream: Stream, name: str) -> None:
        self._stream, self._name, self._left = stream, name, BYTES_MAX

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = self._stream.read(len(buffer))
        self._left -= len(chunk)
        if self._left < 0:
            raise ListTooLarge(f"{self._name}: more than {BYTES_MAX >> 20} MiB unpacked")
        buffer[: len(chunk)] = chunk
        return len(chunk)


@contextmanager
def opened(path: Path) -> Generator[Source]:
    """The list in a file, with what lies beside it. Raises ListUnreadable."""
    with ExitStack() as stack:
        try:
            main = stack.enter_context(_unpacked(path))
            beside = {
                part: stack.enter_context(_unpacked(other)) for part, other in _beside(path).items()
            }
        except OSError as error:
            raise ListUnreadable(f"{path}: {error.strerror or error}") from None
        yield Source(_plain_name(path), main, beside)


def from_bytes(name: str, content: bytes) -> Source:
    """A list that is in memory, gzip or plain."""
    packed = io.BytesIO(content)
    return Source(name, gzip.open(packed) if content.startswith(_GZIP) else packed, {})


def _unpacked(path: Path) -> gzip.GzipFile | io.BufferedReader:
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
    return gzip.open(path) if packed else path.open("rb")


def _plain_name(path: Path) -> str:
    return path.stem if path.suffix.lower() == ".gz" else path.name


def _beside(path: Path) -> dict[str, Path]:
    """`alt`, `add` and `comments` of OFAC's tables.

    They are published as sdn.csv with alt.csv, add.csv and sdn_comments.csv, and as cons_prim.csv
    with cons_alt.csv, cons_add.csv and cons_comments.csv.
    """
    name = _plain_name(path).lower()
    if name not in ("sdn.csv", "cons_prim.csv"):
        return {}
    prefix = "" if name == "sdn.csv" else "cons_"
    wanted = {f"{prefix}alt.csv": "alt", f"{prefix}add.csv": "add"}
    wanted["sdn_comments.csv" if name == "sdn.csv" else "cons_comments.csv"] = "comments"
    there = {_plain_name(other).lower(): other for other in path.resolve().parent.iterdir()}
    return {part: there[file] for file, part in wanted.items() if file in there}


def text_of(stream: io.BufferedReader, *, look: bytes = b"") -> io.TextIOWrapper:
    """A stream as text: UTF-16 with a mark, else UTF-8, its stray bytes read as Windows-1252.

    OFAC's tables have been in both.
    """
    utf_16 = look.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return io.TextIOWrapper(
        stream,
        encoding="utf-16" if utf_16 else "utf-8-sig",
        errors="replace" if utf_16 else _STRAY,
        newline="",
    )


def _read_stray(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    stray = error.object[error.start : error.end]
    return stray.decode("cp1252", "replace"), error.end


_STRAY = "paywright.windows1252"
codecs.register_error(_STRAY, _read_stray)
