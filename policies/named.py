"""Reads from facts what some rules name, and nothing else: half of a decision's time would go into the rest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from core.decision import Facts
from policies.vocabulary import FIELDS, FactType, carried, typed

_GROUPS = tuple(FIELDS)
#: Numbers and texts that need no second look; the others go through `typed`.
_SMALL = 2**62


@dataclass(frozen=True, slots=True)
class Reader:
    """Gives the facts of some names just as `policies.vocabulary.activation` gives all."""

    #: (name, position of its group, key in the group) by the type of the fact.
    _bools: tuple[tuple[str, int, str], ...]
    _ints: tuple[tuple[str, int, str], ...]
    _doubles: tuple[tuple[str, int, str], ...]
    _strings: tuple[tuple[str, int, str], ...]
    #: (name, argument, part of it)
    _arguments: tuple[tuple[str, str, str], ...]

    @classmethod
    def of(cls, names: Iterable[str]) -> Reader:
        """A reader of the facts with these names; other names are passed over."""
        wanted = set(names)
        fields: dict[FactType, list[tuple[str, int, str]]] = {"bool": [], "int": [], "double": [], "string": []}
        for position, (group, kinds) in enumerate(FIELDS.items()):
            for key, kind in kinds.items():
                if f"{group}.{key}" in wanted:
                    fields[kind].append((f"{group}.{key}", position, key))
        parts = (name.split(".") for name in sorted(wanted) if name.startswith("args."))
        return cls(
            tuple(fields["bool"]),
            tuple(fields["int"]),
            tuple(fields["double"]),
            tuple(fields["string"]),
            tuple((".".join(part), part[1], part[2]) for part in parts),
        )

    def read(self, facts: Facts) -> dict[str, Any]:
        """The facts by name; what has the wrong type is left out."""
        named: dict[str, Any] = {"tool": facts.tool} if carried(facts.tool) else {}
        groups = [getattr(facts, group) for group in _GROUPS]
        for name, group, key in self._bools:
            value = groups[group].get(key)
            if value is True or value is False:
                named[name] = value
        for name, group, key in self._ints:
            value = groups[group].get(key)
            if (type(value) is int and -_SMALL < value < _SMALL) or (value := typed(value, "int")) is not None:
                named[name] = value
        for name, group, key in self._doubles:
            value = groups[group].get(key)
            if type(value) is float or (value := typed(value, "double")) is not None:
                named[name] = value
        for name, group, key in self._strings:
            value = groups[group].get(key)
            if type(value) is not str or "\0" in value or not value.isascii():
                value = typed(value, "string")
            if value is not None:
                named[name] = value
        for name, argument, part in self._arguments:
            given = facts.args.get(argument)
            if given is not None:
                value = list(given.sources) if part == "sources" else getattr(given, part)
                if isinstance(value, bool) if part == "trusted" else carried(value):
                    named[name] = value
        return named
