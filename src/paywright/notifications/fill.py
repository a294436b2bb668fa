"""Fill templates, strictly. The templates are files of this package, `en/otp.email.txt`.

That of an email has its subject on the first line, then an empty line, then the text.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

from paywright.notifications.model import Channel, Content

_PLACE = re.compile(r"\{([a-z_]+)\}")
_NAME = re.compile(r"[a-z][a-z_]{0,31}")
_VALUE_MAX = 200  # characters of one value
# Control characters, and what some readers take for the end of a line.
_BREAKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class TemplateMisused(Exception):
    """There is no such template, or the values are not those of its places: a bug of ours."""


def fill(channel: Channel, template: str, language: str, values: Mapping[str, str]) -> Content:
    """What the message says. Raises TemplateMisused.

    A value is one line, whatever it was: names come from outside, and must not add lines of
    their own to a letter of ours. Of one longer than 200 characters the beginning is shown.
    """
    blank = _template(channel, template, language)
    places = set(_PLACE.findall(blank.subject + blank.text))
    if places != set(values):
        names = ", ".join(sorted(places ^ set(values)))
        raise TemplateMisused(f"{template}: missing, or without a place: {names}")
    plain = {name: _one_line(value) for name, value in values.items()}

    def put(match: re.Match[str]) -> str:
        return plain[match[1]]

    return Content(_PLACE.sub(put, blank.subject), _PLACE.sub(put, blank.text))


def _one_line(value: str) -> str:
    line = _BREAKS.sub(" ", value).strip()
    return line if len(line) <= _VALUE_MAX else line[: _VALUE_MAX - 1] + "…"


@lru_cache
def _template(channel: Channel, name: str, language: str) -> Content:
    if not _NAME.fullmatch(name) or not _NAME.fullmatch(language):
        raise TemplateMisused(f"no name of a template: {language}/{name}")
    file = files("paywright.notifications") / "templates" / language / f"{name}.{channel}.txt"
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise TemplateMisused(f"there is no template {language}/{name} for {channel}") from None
    if channel is Channel.SMS:
        return Content("", text.strip())
    subject, _, body = text.partition("\n\n")
    return Content(subject.strip(), body.strip() + "\n")
