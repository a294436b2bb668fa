"""Forms with brackets, `metadata[order]=7&expand[]=charge`, into Structs."""

import re
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from paywright.simulator.stripe.errors import StripeError

T = TypeVar("T")

Form = dict[str, Any]

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_FIELDS_MAX = 1000


def read_form(text: str) -> Form:
    """Nested by its brackets; lists where they are numbered or empty. Raises StripeError, 400."""
    form: Form = {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_FIELDS_MAX)
    except ValueError:
        raise StripeError(400, "Too many parameters.") from None
    for name, value in pairs:
        found = _NAME.fullmatch(name)
        if found is None:
            raise StripeError(400, f"Invalid parameter name: {name}", param=name)
        path = [found[1], *re.findall(r"\[([^\[\]]*)\]", found[2])]
        _put(form, path, value, name)
    # Names in metadata are the caller's own, and may be numbers.
    return {key: it if key == "metadata" else _with_lists(it) for key, it in form.items()}


def _put(form: Form, path: list[str], value: str, name: str) -> None:
    inner = form
    for key in path[:-1]:
        inner = inner.setdefault(key or str(len(inner)), {})
        if not isinstance(inner, dict):
            raise StripeError(400, f"Invalid parameter: {name}", param=name)
    inner[path[-1] or str(len(inner))] = value


def _with_lists(value: Any) -> Any:
    """Where all names are numbers, there are only the values."""
    if not isinstance(value, dict):
        return value
    inner = {key: _with_lists(item) for key, item in value.items()}
    if inner and all(key.isdecimal() for key in inner):
        return [inner[key] for key in sorted(inner, key=int)]
    return inner


_UNKNOWN = re.compile(r"Object contains unknown field `(.*?)`(?: - at `\$\.?(.*)`)?")
_MISSING = re.compile(r"Object missing required field `(.*?)`(?: - at `\$\.?(.*)`)?")
_ELSE = re.compile(r"(.*?) - at `\$\.?(.*)`")


def parse(form: Form, type: type[T]) -> T:
    """Raises StripeError, 400: what is unknown, missing or of the wrong type."""
    # An empty value takes a field away; where nothing is there yet it is as if it were not sent.
    given = {name: value for name, value in form.items() if value != ""}
    try:
        return msgspec.convert(given, type, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None


def _invalid(text: str) -> StripeError:
    if found := _UNKNOWN.fullmatch(text):
        name = _named(found[2], found[1])
        return StripeError(
            400, f"Received unknown parameter: {name}", code="parameter_unknown", param=name
        )
    if found := _MISSING.fullmatch(text):
        name = _named(found[2], found[1])
        return StripeError(
            400, f"Missing required param: {name}.", code="parameter_missing", param=name
        )
    found = _ELSE.fullmatch(text)
    name = _named(found[2] if found else None, None)
    is_number = text.startswith("Expected `int")
    return StripeError(
        400,
        f"Invalid integer: {name}" if is_number else f"Invalid {name}: {text}",
        code="parameter_invalid_integer" if is_number else "parameter_invalid",
        param=name,
    )


def _named(path: str | None, last: str | None) -> str:
    """`created.gte` → `created[gte]`"""
    parts = [part for part in (path or "").split(".") if part] + ([last] if last else [])
    return parts[0] + "".join(f"[{part}]" for part in parts[1:]) if parts else "request"
