"""Read a message piece by piece, so that 100,000 transactions do not stand in memory as a tree.

What is read may come from anybody. A document type declaration is refused before anything else
is looked at (defusedxml), so there are no entities to expand and nothing is fetched; what is left
is bounded in bytes, in depth and in the number of elements of one piece.
"""

import re
from collections.abc import Iterator, Sized
from io import BytesIO
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

import msgspec
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from paywright.core.errors import Malformed
from paywright.iso20022.fields import Fields, flat, local
from paywright.iso20022.kinds import BODIES, TITLES

SIZE_MAX = 64 * 1024 * 1024  # bytes
_DEPTH_MAX = 64  # the deepest of these messages has about 20 levels, envelopes not counted
# Elements of one transaction, or of a block without its transactions. One entry of a statement may
# tell of thousands of payments that were booked together.
_HELD_MAX = 500_000
_CHUNK = 16 * 1024  # bytes: elements that are gone soon cost the garbage collector less

_NAME = re.compile(r"\b([a-z]{4}\.\d{3})\.(\d{3})\.(\d{2,3})\b")
_UTF_16_OR_32 = (b"\xff\xfe", b"\xfe\xff", b"\x00", b"<\x00")

# By local name, below the body: what is whole in itself, what has parts, and these.
_HEADS = frozenset({"GrpHdr", "OrgnlGrpInfAndSts", "Assgnmt"})
_BLOCKS = frozenset({"PmtInf", "OrgnlPmtInfAndSts", "Stmt", "Rpt", "Ntfctn"})
_PARTS = frozenset({"CdtTrfTxInf", "DrctDbtTxInf", "TxInfAndSts", "TxInf", "Ntry", "Bal"})


class MessageInvalid(Malformed):
    """The file is not a message of ISO 20022 that can be read.

    It has to be XML in UTF-8 or a charset of one byte a character, without a document type
    declaration, and its namespace has to name the message.
    """


class Piece(msgspec.Struct, frozen=True):
    """An element that is read as a whole.

    name:     `AppHdr`, or that of a head, a block or a part
    in_block: it is a part of the block that comes next
    """

    name: str
    fields: Fields
    in_block: bool = False


class Document(msgspec.Struct, frozen=True):
    """What the outermost elements say. name: `pain.001.001.09`; kind: `pain.001`."""

    name: str
    kind: str
    namespace: str


def read_pieces(data: bytes) -> Iterator[Document | Piece]:
    """The document first, unless a business application header stands before it; then its pieces.

    The parts of a block come before the block. Raises MessageInvalid.
    """
    path: list[Element] = []
    # Of the pieces that are being read, a block and a part of it: how deep each begins, and how
    # many elements were held before it.
    kept: list[tuple[int, int]] = []
    body = held = 0
    for event, element in _events(data):
        if event == "start":
            depth = len(path)
            path.append(element)
            held += 1
            if depth >= _DEPTH_MAX or held > _HELD_MAX:
                raise _too_much(path)
            if body and depth > body + 2:
                continue
            if depth and local(path[-2].tag) == "Document" and depth == (body or depth):
                if body:
                    raise MessageInvalid("the file holds more than one message")
                body = depth
                yield _document(path[-2], element)
            elif _is_piece(local(element.tag), depth, body, kept):
                kept.append((depth, held - 1))
            continue
        path.pop()
        if kept and kept[-1][0] == len(path):
            held = kept.pop()[1]
            yield Piece(local(element.tag), flat(element), in_block=bool(kept))
        elif kept:
            continue
        else:
            held -= 1
        if path:
            path[-1].remove(element)
    if not body:
        raise MessageInvalid("there is no <Document> with a message in it")


def _too_much(path: list[Element]) -> MessageInvalid:
    name = local(path[-1].tag)[:40]
    if len(path) > _DEPTH_MAX:
        return MessageInvalid(f"<{name}> is nested more than {_DEPTH_MAX} deep")
    return MessageInvalid(f"<{name}> is in a piece of more than {_HELD_MAX:,} elements")


def _is_piece(name: str, depth: int, body: int, kept: Sized) -> bool:
    if not body:
        return name == "AppHdr" and not kept
    if depth == body + 1:
        return name in _HEADS or name in _BLOCKS or name in _PARTS
    return depth == body + 2 and len(kept) == 1 and name in _PARTS


def _document(document: Element, body: Element) -> Document:
    namespace = document.tag[1:].partition("}")[0] if document.tag.startswith("{") else ""
    name = local(body.tag)
    found = _NAME.search(namespace)
    if found is None and namespace:
        raise MessageInvalid(
            f"<Document> is in the namespace {namespace[:80]!r}, which names no message"
        )
    if found is None:
        kind = BODIES.get(name)
        if kind is None:
            raise MessageInvalid(f"<Document> has no namespace, and <{name[:40]}> is not known")
        return Document(kind, kind, "")
    kind = found[1]
    if BODIES.get(name, kind) != kind or (kind in TITLES and name not in BODIES):
        raise MessageInvalid(f"<{name[:40]}> is not what a {found[0]} contains")
    return Document(found[0], kind, namespace)


def _events(data: bytes) -> Iterator[tuple[str, Element]]:
    if len(data) > SIZE_MAX:
        raise MessageInvalid(f"the file is larger than {SIZE_MAX // 1024 // 1024} MB")
    if not data.strip():
        raise MessageInvalid("the file is empty")
    if data.startswith(_UTF_16_OR_32):
        raise MessageInvalid("the file is not in UTF-8: it looks like UTF-16 or UTF-32")
    try:
        # A declaration can only stand before the first element; past that, the fast parser may.
        next(iterparse(BytesIO(data), ("start",), forbid_dtd=True))
        parser = XMLPullParser(("start", "end"))
        for begin in range(0, len(data), _CHUNK):
            parser.feed(data[begin : begin + _CHUNK])
            yield from parser.read_events()  # ty: ignore[invalid-yield]
        parser.close()
        yield from parser.read_events()  # ty: ignore[invalid-yield]
    except DefusedXmlException:
        raise MessageInvalid("the file has a document type declaration (<!DOCTYPE>)") from None
    except ParseError as error:
        raise MessageInvalid(f"the file is not whole, or not XML: {error}") from None
    except (LookupError, ValueError) as error:  # of an encoding that Python does not know
        raise MessageInvalid(f"the file cannot be read: {error}") from None
