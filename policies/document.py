"""One policy file as it was read: its values, the place each came from, and every problem found in it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field

from core.canonical import Json
from core.errors import Problem

#: Keys and indexes that lead to a value.
Path = tuple[int | str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a value stands in its file; line and column count from 0."""

    line: int
    column: int
    #: Character index of the value in the file.
    index: int
    #: How a scalar is written: None, `'`, `"`, `|` or `>`.
    style: str | None = None


@dataclass(kw_only=True)
class Document:
    """One file: its values, and the places of keys and values by path."""

    #: What problems call it.
    file: str
    text: str
    data: Json = None
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    #: Values that have a problem of their own already, so that no other is found in them.
    unreadable: set[Path] = field(default_factory=set)

    def problem(self, path: Path, message: str, *, key: bool = False) -> Problem:
        """A problem at a value (or its key), or at the nearest enclosing value that exists."""
        places = {**self.values, **self.keys} if key else self.values
        while path and path not in places:
            path = path[:-1]
        place = places.get(path) or Place(line=0, column=0, index=0)
        return Problem(file=self.file, line=place.line + 1, column=place.column + 1, message=message)

    def problem_inside(self, path: Path, offset: int, message: str) -> Problem:
        """A problem at a character of a string value, wherever folding and quoting put that character."""
        place = self.values[path]
        index = _source_index(self.text, place, str(self.value_at(path)), offset)
        line = self.text.count("\n", 0, index)
        column = index - (self.text.rfind("\n", 0, index) + 1)
        return Problem(file=self.file, line=line + 1, column=column + 1, message=message)

    def value_at(self, path: Path) -> Json:
        """What stands at a path that exists."""
        data = self.data
        for part in path:
            data = data[part]
        return data

    def is_unreadable(self, path: Path) -> bool:
        """Whether a value, or one around it, could not be read as it stands."""
        return any(path[: len(broken)] == broken for broken in self.unreadable)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """`did you mean ...?` when one of the known names is close."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean `{near[0]}`?" if near else None


def _source_index(text: str, place: Place, value: str, offset: int) -> int:
    """Where character `offset` of a scalar's value stands in the source.

    YAML folding changes only white space, so the n-th visible character of the value is the n-th of the source.
    """
    index = place.index
    if place.style in ("|", ">"):
        index = text.find("\n", index) + 1
    elif place.style in ("'", '"'):
        index += 1
    # What is wrong with the end is shown at the last character there is.
    offset = min(offset, max(len(value.rstrip()) - 1, 0))
    visible = sum(not character.isspace() for character in value[:offset])
    while index < len(text):
        if not text[index].isspace():
            if visible == 0:
                break
            visible -= 1
            escaped = place.style == '"' and text[index] == "\\"
            doubled = place.style == "'" and text.startswith("''", index)
            index += 1 if escaped or doubled else 0
        index += 1
    return min(index, max(len(text) - 1, 0))
