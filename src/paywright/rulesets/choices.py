"""Catches a misspelt constant: `details.reason == "unauthorised"` compiles, and never matches.

Pure. CEL has no enumerations of text, so this looks at the tokens around each string literal: a
literal that is compared with a variable of known choices must be one of them.
"""

import re
from collections.abc import Iterator, Mapping

_TOKEN = re.compile(r"""r?("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|[A-Za-z_][\w.]*|==|!=|\S""")


def unknown_choices(
    expression: str, choices: Mapping[str, tuple[str, ...]]
) -> Iterator[tuple[str, str]]:
    """Each (variable, literal) where the variable can never have that value.

    Sees `variable == "…"`, `"…" != variable` and `variable in ["…", …]`; not what is computed.
    """
    words = [match[0] for match in _TOKEN.finditer(expression)]
    subject = ""  # the variable of the `variable in [` that we are inside of
    for i, word in enumerate(words):
        if word == "[" and i >= 2 and words[i - 1] == "in":
            subject = words[i - 2]
        elif word == "]":
            subject = ""
        elif word[0] in "\"'":
            name = subject or _compared_with(words, i)
            value = word[1:-1]
            if name in choices and value not in choices[name]:
                yield name, value


def _compared_with(words: list[str], i: int) -> str:
    if i >= 2 and words[i - 1] in ("==", "!="):
        return words[i - 2]
    if i + 2 < len(words) and words[i + 1] in ("==", "!="):
        return words[i + 2]
    return ""
