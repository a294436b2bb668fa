"""Read XML piece by piece, so that a file of 100 MB takes no memory of that size.

Nothing outside the file is ever fetched, and no entity is expanded (defusedxml).
"""

from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from paywright.screening.loaders.parsed import ListUnreadable
from paywright.screening.loaders.sources import Source


def pieces(source: Source, *names: str) -> Iterator[Element]:
    """The elements of these names, in order, each whole and forgotten afterwards.

    Namespaces are left out: they have changed over the years. Raises ListUnreadable.
    """
    path: list[Element] = []
    try:
        for event, element in iterparse(source.main, ("start", "end"), forbid_dtd=True):
            element.tag = element.tag.rpartition("}")[2]
            if event == "start":
                path.append(element)
                continue
            path.pop()
            if element.tag in names:
                yield element
                element.clear()
                if path:
                    path[-1].remove(element)
    except (ParseError, DefusedXmlException, EOFError, OSError) as error:
        raise ListUnreadable(f"{source.name}: {type(error).__name__} {error}") from None


def text(element: Element, path: str) -> str:
    """What is written at a path, in one line; empty where there is nothing."""
    found = element.findtext(path)
    return " ".join(found.split()) if found else ""


def texts(element: Element, path: str) -> list[str]:
    """The same, of all that are there."""
    found = (" ".join((it.text or "").split()) for it in element.findall(path))
    return [it for it in found if it]
