"""All words of the listed names, and in which names they are."""

from collections.abc import Iterable, Sequence

from paywright.screening.keys import asked_keys, joined_keys, keys_of
from paywright.screening.names import Part
from paywright.screening.parts import FLOOR, alike
from paywright.screening.scripts import Script

# So many rows, and names in them, some tens of megabytes
_REMEMBERED_MAX = 5_000
_NAMES_MAX = 500_000
# A word that is in so few names tells which name is meant
_RARE = 12
# if it is shared by likeness so high
_SURE = 0.85
_Key = tuple[str, str, str, str]


class Row:
    """A word that is looked for, among all words of the lists.

    known: how much it is like the words by number, 0 when they are two words, as far as looked up
    names: the names with a word like it, by likeness; rare: those of them that few names share
    """

    __slots__ = ("_part", "_words", "known", "names", "rare")

    def __init__(
        self,
        part: Part,
        words: Sequence[Part],
        near: Iterable[int],
        postings: Sequence[Sequence[int]],
    ) -> None:
        self._part = part
        self._words = words
        self.known: dict[int, float] = {}
        self.names: dict[int, float] = {}
        self.rare: set[int] = set()
        for likeness, number in sorted([(self.look_up(number), number) for number in near]):
            posting = postings[number]
            if likeness:
                self.names.update(dict.fromkeys(posting, likeness))
            if likeness >= _SURE and len(posting) <= _RARE:
                self.rare.update(posting)

    def look_up(self, number: int) -> float:
        likeness = alike(self._part, self._words[number])
        self.known[number] = likeness = likeness if likeness >= FLOOR else 0.0
        return likeness


class _Filed:
    """Under which keys words are filed, by number."""

    def __init__(self) -> None:
        self._numbers: dict[str, list[int]] = {}
        self._filed: set[int] = set()
        # Of numbers the collector of garbage need not look at, unlike lists
        self._frozen: dict[str, tuple[int, ...]] = {}

    def add(self, number: int, keys: Iterable[str]) -> None:
        self._filed.add(number)
        for key in keys:
            self._numbers.setdefault(key, []).append(number)

    def __contains__(self, number: int) -> bool:
        return number in self._filed

    def freeze(self) -> None:
        self._frozen = {key: tuple(numbers) for key, numbers in self._numbers.items()}
        self._numbers.clear()
        self._filed.clear()

    def under(self, keys: Iterable[str]) -> set[int]:
        found: set[int] = set()
        for key in keys:
            found.update(self._frozen.get(key, ()))
        return found


class Vocabulary:
    """Words by number: those of the names, and each two that stand side by side as one.

    Filled first, then frozen, then asked.
    """

    def __init__(self) -> None:
        self._words: list[Part] = []
        self._postings: list[Sequence[int]] = []
        self._filling: list[list[int]] = []
        self._numbers: dict[_Key, int] = {}
        self._filed = _Filed()
        self._joined = _Filed()
        self._rows: dict[tuple[_Key, bool], Row] = {}
        self._names_count = 0

    def file(self, part: Part, name: int) -> int:
        """The number of `part`, which is in `name`. Names are filed in order."""
        number = self._post(part, name)
        if number not in self._filed:
            self._filed.add(number, keys_of(part))
        return number

    def file_joined(self, part: Part, name: int) -> None:
        """`part` is two words of `name` that stand side by side."""
        number = self._post(part, name)
        if number not in self._joined:
            self._joined.add(number, joined_keys(part))

    def freeze(self) -> None:
        self._postings = [tuple(names) for names in self._filling]
        self._filling.clear()
        self._filed.freeze()
        self._joined.freeze()

    def row(self, part: Part, *, is_joined: bool = False) -> Row:
        """`is_joined`: `part` is two words of the name, and stands for one of a listed name."""
        key = (_key(part), is_joined)
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = self._look_up(part, is_joined=is_joined)
            self._names_count += len(row.names)
        return row

    def _look_up(self, part: Part, *, is_joined: bool) -> Row:
        if len(self._rows) >= _REMEMBERED_MAX or self._names_count >= _NAMES_MAX:
            self._rows.clear()
            self._names_count = 0
        keys = joined_keys(part) if is_joined else asked_keys(part)
        near = self._filed.under(keys) | self._joined.under(keys)
        return Row(part, self._words, near, self._postings)

    def _post(self, part: Part, name: int) -> int:
        key = _key(part)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._words)
            self._words.append(part)
            self._filling.append([])
        posting = self._filling[number]
        if not posting or posting[-1] != name:
            posting.append(name)
        return number


def _key(part: Part) -> _Key:
    written = "" if part.script is Script.LETTERS else part.written
    return (part.text, written, part.script, part.kind)
