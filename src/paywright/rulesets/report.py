"""What is wrong with a document, all of it, each with its line."""

from paywright.core.errors import FieldError, Invalid


class RuleSetInvalid(Invalid):
    """The rule set has mistakes.

    `errors` lists every one of them: `field` is the line and the place in the document, `message`
    says what is wrong there. Nothing was stored; correct the document and load it again.
    """


class Report:
    """Collects problems. `lines`: the line of each path, `tables.decline[0].when`."""

    def __init__(self, lines: dict[str, int] | None = None) -> None:
        self.lines = lines or {}
        self._found: list[tuple[int, str, str]] = []

    def __len__(self) -> int:
        return len(self._found)

    def add(self, path: str, message: str, *, line: int | None = None) -> None:
        self._found.append((line or self._line(path), path, message))

    def refuse(self) -> None:
        """Raise RuleSetInvalid when anything was found."""
        if not self._found:
            return
        errors = [
            FieldError(f"line {line}: {path}" if path else f"line {line}", message)
            for line, path, message in sorted(self._found, key=lambda found: found[0])
        ]
        count = "1 problem" if len(errors) == 1 else f"{len(errors)} problems"
        raise RuleSetInvalid(f"{count}; {errors[0].field}: {errors[0].message}", errors=errors)

    def _line(self, path: str) -> int:
        """The line of a path, or of the nearest thing around it that is there."""
        while path and path not in self.lines:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.lines.get(path, 1)


def step(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
