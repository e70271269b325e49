"""JSON strings as nodes: each character written in the one way that `json.dumps` writes it.

So a call that is rendered again gives the same bytes. No answer holds half of a surrogate pair, or NUL, which
databases do not store.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import assert_never

from core.canonical import JsonObject
from serving.grammar.nodes import (
    Alt,
    Chars,
    Free,
    Grammar,
    Node,
    Ref,
    Repeat,
    Seq,
    Text,
    alt,
    both,
    chars,
    others,
    repeat,
    seq,
)
from serving.grammar.patterns import ANY, PatternRefused, parsed
from serving.grammar.refusal import impossible, refused

#: Times that anything is repeated at most; a bound above it is narrowed, which no answer of a model can notice.
MAX_REPEAT = 100_000

_SHORT = {0x08: "\\b", 0x09: "\\t", 0x0A: "\\n", 0x0C: "\\f", 0x0D: "\\r", 0x22: '\\"', 0x5C: "\\\\"}
_ESCAPED = {code: _SHORT.get(code, f"\\u{code:04x}") for code in (*range(1, 0x20), 0x22, 0x5C)}
_PLAIN = others([(0, 0x1F), (0x22, 0x22), (0x5C, 0x5C)])

_DATE = (
    r"(\d{3}[1-9]|\d{2}[1-9]0|[1-9]\d00)-"
    r"((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|02-(0[1-9]|1\d|2[0-8]))"
)
_TIME = r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)"
_BYTE = r"(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_LABEL = r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?"
_HOST = rf"{_LABEL}(\.{_LABEL}){{0,4}}\.[a-z]{{2,12}}"
#: Formats that are kept; what they allow is narrower than their standards. Any other is a remark.
FORMATS = {
    "date": rf"^{_DATE}$",
    "time": rf"^{_TIME}$",
    "date-time": rf"^{_DATE}T{_TIME}$",
    "duration": r"^P(\d{1,4}D(T\d{1,4}[HMS])?|T\d{1,4}[HMS]|\d{1,4}W)$",
    "uuid": r"^[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
    "ipv4": rf"^{_BYTE}(\.{_BYTE}){{3}}$",
    "ipv6": r"^[0-9a-f]{1,4}(:[0-9a-f]{1,4}){7}$|^[0-9a-f]{1,4}(:[0-9a-f]{1,4}){0,5}::$|^::[0-9a-f]{1,4}$",
    "hostname": rf"^{_HOST}$",
    "email": rf"^[a-z0-9_+-]{{1,20}}(\.[a-z0-9_+-]{{1,20}}){{0,2}}@{_HOST}$",
    "uri": rf"^[a-z][a-z0-9+-]{{1,10}}://{_HOST}(:[1-9]\d{{0,3}})?(/[A-Za-z0-9._~-]*)*(\?[A-Za-z0-9._~=&-]*)?$",
}


class Strings:
    """Strings of one grammar; any character is one rule of it."""

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar
        self._any: Node | None = None

    def node(self, schema: JsonObject, place: str) -> Node:
        """A string as `schema` wants it, with its quotes.

        Raises:
            ShapeRefused: the pattern is not regular, or cannot be joined with the lengths.
        """
        least, most = schema.get("minLength", 0), schema.get("maxLength")
        if most is not None and most < least:
            raise impossible(place, "maxLength", "it is below minLength.")
        pattern, keyword = schema.get("pattern"), "pattern"
        if pattern is None and schema.get("format") in FORMATS:
            pattern, keyword = FORMATS[schema["format"]], "format"
        if pattern is None:
            inner = repeat(self.any(), int(least), None if most is None else min(int(most), MAX_REPEAT))
        else:
            try:
                inner = self._escaped(_fitting(parsed(pattern), int(least), None if most is None else int(most)))
            except PatternRefused as problem:
                raise refused(place, keyword, str(problem)) from problem
        return seq(Text('"'), inner, Text('"'))

    def any(self) -> Node:
        """One character of a string."""
        if self._any is None:
            self._any = self._grammar.rule(_character(ANY))
        return self._any

    def other_than(self, names: Iterable[str]) -> Node:
        """Any string, with its quotes, but for these."""
        return seq(Text('"'), self._apart(sorted({json.dumps(name, ensure_ascii=False)[1:] for name in names})))

    def _apart(self, rests: list[str]) -> Node:
        """Any rest of a string but for these, which end in a quote and are not empty."""
        units: dict[str, list[str]] = {}
        for rest in rests:
            unit = _unit(rest)
            units.setdefault(unit, []).append(rest[len(unit) :])
        free = [(ord(unit), ord(unit)) for unit in units if len(unit) == 1]
        branches = [seq(both(_PLAIN, others(free)), repeat(self.any(), 0, None), Text('"'))]
        escaped = chars((code, code) for code, text in _ESCAPED.items() if text not in units)
        branches.append(seq(_character(escaped), repeat(self.any(), 0, None), Text('"')))
        if '"' not in units:
            branches.append(Text('"'))
        branches += [seq(Text(unit), self._apart(after)) for unit, after in units.items() if unit != '"']
        return self._grammar.rule(alt(*branches))

    def _escaped(self, node: Node) -> Node:
        match node:
            case Text(text):
                return Text(json.dumps(text, ensure_ascii=False)[1:-1])
            case Chars():
                return self.any() if node == ANY else _character(node)
            case Seq(parts):
                return seq(*map(self._escaped, parts))
            case Alt(parts):
                return alt(*map(self._escaped, parts))
            case Repeat(body, least, most):
                return Repeat(self._escaped(body), least, most)
            case Ref() | Free():
                return node
            case _:
                assert_never(node)


def _unit(rest: str) -> str:
    """The first character of a written string, with all of its escape."""
    return rest[:1] if rest[0] != "\\" else rest[:6] if rest[1] == "u" else rest[:2]


def _character(allowed: Chars) -> Node:
    """One character of a string, out of these."""
    plain = both(allowed, _PLAIN)
    inside = {text for code, text in _ESCAPED.items() if any(low <= code <= high for low, high in allowed.ranges)}
    short = chars((ord(text[1]),) * 2 for text in inside if len(text) == 2)
    # What escapes share is written once: many ways to go on would all have to be followed.
    escapes: list[Node] = [short] if short.ranges else []
    for start in ("u000", "u001"):
        ends = chars((ord(text[5]),) * 2 for text in inside if text[1:5] == start)
        escapes += [seq(Text(start), ends)] if ends.ranges else []
    found: list[Node] = [plain] if plain.ranges else []
    found += [seq(Text("\\"), alt(*escapes))] if escapes else []
    if not found:
        raise PatternRefused("it asks for a character that no answer may hold.")
    return alt(*found)


def _fitting(node: Node, least: int, most: int | None) -> Node:
    found = _of_length(node, least, most)
    if found is None:
        raise PatternRefused("it cannot be joined with minLength and maxLength; leave those out.")
    return found


def _of_length(node: Node, least: int, most: int | None) -> Node | None:
    """The texts of `node` of these lengths, or some of them; None when that takes more than counting."""
    if isinstance(node, Alt):
        found = [part for branch in node.parts if (part := _of_length(branch, least, most)) is not None]
        return alt(*found) if found else None
    shortest, longest = _width(node)
    if shortest >= least and (most is None or (longest is not None and longest <= most)):
        return node
    parts: list[Node] = list(node.parts) if isinstance(node, Seq) else [node]
    wide = [at for at, part in enumerate(parts) if isinstance(part, Repeat) and isinstance(part.body, Chars)]
    if not wide:
        return None
    return _stretched(parts, wide, least, most)


def _stretched(parts: list[Node], wide: list[int], least: int, most: int | None) -> Node | None:
    """Change how often single characters are repeated so that every text has one of these lengths."""
    widths = [_width(part) for at, part in enumerate(parts) if at not in wide]
    fixed = sum(width[0] for width in widths)
    others_most = sum(width[1] or 0 for width in widths)
    if most is not None and any(width[1] is None for width in widths):
        return None
    repeats = [part for at, part in enumerate(parts) if at in wide and isinstance(part, Repeat)]
    lows, highs = [part.least for part in repeats], [part.most for part in repeats]
    missing = least - fixed - sum(lows)
    for index, high in enumerate(highs):
        added = max(0, missing if high is None else min(missing, high - lows[index]))
        lows[index] += added
        missing -= added
    room = None if most is None else most - others_most - sum(lows)
    if missing > 0 or (room is not None and room < 0):
        return None
    for index, at in enumerate(wide):
        high = highs[index]
        if room is not None:
            spare = room if index == len(wide) - 1 else room // (len(wide) - index)
            high = lows[index] + (spare if high is None else min(spare, high - lows[index]))
            room -= high - lows[index]
        parts[at] = repeat(repeats[index].body, lows[index], high)
    return seq(*parts)


def _width(node: Node) -> tuple[int, int | None]:
    """Fewest and most characters of a node's texts; None is without end."""
    match node:
        case Text(text):
            return len(text), len(text)
        case Seq(parts):
            widths = [_width(part) for part in parts]
            ends = [high for _, high in widths if high is not None]
            return sum(low for low, _ in widths), sum(ends) if len(ends) == len(widths) else None
        case Alt(parts):
            widths = [_width(part) for part in parts]
            ends = [high for _, high in widths if high is not None]
            return min(low for low, _ in widths), max(ends) if len(ends) == len(widths) else None
        case Repeat(body, least, most):
            low, high = _width(body)
            return low * least, None if most is None or high is None else high * most
        case _:
            return 1, 1
