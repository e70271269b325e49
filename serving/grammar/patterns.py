"""Regular expressions of JSON Schema (ECMA-262) as nodes over plain characters: no engine, so nothing to backtrack.

Anchors count at the ends of a pattern only; look-around, back references and word boundaries are not regular here.
"""

from __future__ import annotations

from typing import NoReturn

from serving.grammar.nodes import EMPTY, LAST, Alt, Chars, Node, Repeat, Seq, Text, alt, chars, others, repeat, seq

#: Characters of a pattern, groups inside of groups, and times that a part may be asked for: beyond it is an attack.
MAX_PATTERN, MAX_GROUPS, MAX_TIMES = 1000, 20, 1000

#: Any character at all.
ANY = chars([(0, LAST)])

_DIGIT = chars([(0x30, 0x39)])
_WORD = chars([(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)])
_BLANK = chars([(0x09, 0x0D), (0x20, 0x20), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029),
                (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF)])  # fmt: skip
_LINE_ENDS = [(0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029)]
_CLASSES = {
    "d": _DIGIT,
    "D": others(_DIGIT.ranges),
    "w": _WORD,
    "W": others(_WORD.ranges),
    "s": _BLANK,
    "S": others(_BLANK.ranges),
}
_CONTROLS = {"n": 0x0A, "r": 0x0D, "t": 0x09, "f": 0x0C, "v": 0x0B, "0": 0}
_NO_LITERAL = frozenset("*+?{)|")


class PatternRefused(Exception):
    """The pattern is broken or not regular; the text says how."""


def parsed(pattern: str) -> Node:
    """The texts in which `pattern` is found, whole: what an open end allows is part of the node.

    Raises:
        PatternRefused: broken, too large, or not regular.
    """
    if len(pattern) > MAX_PATTERN:
        raise PatternRefused(f"it has more than {MAX_PATTERN} characters.")
    return _Reader(pattern).whole()


def nullable(node: Node) -> bool:
    """Whether nothing at all is one of its texts. Only for nodes without references."""
    match node:
        case Text(text):
            return not text
        case Seq(parts):
            return all(map(nullable, parts))
        case Alt(parts):
            return any(map(nullable, parts))
        case Repeat(_, least, _):
            return least == 0
        case _:
            return False


class _Reader:
    """Reads a pattern from left to right."""

    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0
        self._depth = 0
        self._times = 1

    def whole(self) -> Node:
        branches = [self._branch(open_ends=True)]
        while self._take("|"):
            branches.append(self._branch(open_ends=True))
        if self._at < len(self._text):
            self._refuse("it has a bracket that was never opened")
        return alt(*branches)

    def _branch(self, *, open_ends: bool) -> Node:
        start = not open_ends or self._take("^")
        parts: list[Node] = [] if start else [Repeat(ANY, 0, None)]
        end = not open_ends
        while self._at < len(self._text) and self._peek() not in "|)":
            if self._peek() == "$" and open_ends and self._text[self._at + 1 : self._at + 2] in ("", "|"):
                self._at += 1
                end = True
                break
            parts.append(self._quantified())
        return seq(*parts, *([] if end else [Repeat(ANY, 0, None)]))

    def _quantified(self) -> Node:
        outer = self._times
        self._times = 1
        atom = self._atom()
        least, most = self._quantifier()
        self._times *= max(least, most or 1, 1)
        if self._times > MAX_TIMES:
            self._refuse(f"it asks for a part more than {MAX_TIMES} times")
        self._times = max(outer, self._times)
        if not nullable(atom):
            return repeat(atom, least, most)
        whole = _not_empty(atom)
        return EMPTY if whole is None else repeat(whole, 0, most)

    def _quantifier(self) -> tuple[int, int | None]:
        least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(self._peek(), (1, 1))
        if self._peek() in ("*", "+", "?"):
            self._at += 1
        elif self._peek() == "{":
            least, most = self._braces()
        else:
            return 1, 1
        self._take("?")  # reluctant or not: the same texts
        if self._peek() in ("*", "+", "{"):
            self._refuse("it repeats what is repeated already")
        return least, most

    def _braces(self) -> tuple[int, int | None]:
        end = self._text.find("}", self._at)
        low, comma, high = self._text[self._at + 1 : end].partition(",")
        if end < 0 or not low.isdecimal() or (high and not high.isdecimal()) or max(len(low), len(high)) > 6:
            self._refuse("it has a { that is not a number of times")
        self._at = end + 1
        least, most = int(low), int(high) if high else None if comma else int(low)
        if most is not None and most < least:
            self._refuse("it has a range of times that is the wrong way round")
        return least, most

    def _atom(self) -> Node:
        char = self._next()
        if char == "(":
            return self._group()
        if char == "[":
            return self._brackets()
        if char == ".":
            return others(_LINE_ENDS)
        if char == "\\":
            return self._escape()
        if char in "^$":
            self._refuse(f"it has a {char} that is not at an end")
        if char in _NO_LITERAL:
            self._refuse(f"it has a {char} with nothing before it")
        return Text(char)

    def _group(self) -> Node:
        self._depth += 1
        if self._depth > MAX_GROUPS:
            self._refuse(f"it has more than {MAX_GROUPS} groups inside of each other")
        if self._take("?"):
            self._name()
        branches = [self._branch(open_ends=False)]
        while self._take("|"):
            branches.append(self._branch(open_ends=False))
        if not self._take(")"):
            self._refuse("it has a group that does not end")
        self._depth -= 1
        return alt(*branches)

    def _name(self) -> None:
        if self._take(":"):
            return
        self._take("P")
        end = self._text.find(">", self._at)
        if not self._take("<") or self._peek() in ("=", "!") or end < 0:
            self._refuse("it looks around or sets flags (a group that begins with `(?`)")
        self._at = end + 1

    def _escape(self) -> Node:
        char = self._next()
        if char in _CLASSES:
            return _CLASSES[char]
        if char in "bBpPk" or char in "123456789":
            self._refuse(f"it uses \\{char}, which is not a set of characters")
        return Text(chr(self._code(char)))

    def _code(self, char: str) -> int:
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char in "xu":
            return self._hexadecimal(2 if char == "x" else 4)
        if char.isalnum():
            self._refuse(f"it uses \\{char}, which has no meaning")
        return ord(char)

    def _hexadecimal(self, digits: int) -> int:
        if digits == 4 and self._take("{"):
            end = self._text.find("}", self._at)
            digits = end - self._at
            text, self._at = self._text[self._at : max(end, self._at)], end + 1
        else:
            text, self._at = self._text[self._at : self._at + digits], self._at + digits
        if len(text) != digits or not 0 < digits <= 6 or any(char not in "0123456789abcdefABCDEF" for char in text):
            self._refuse("it has a character number that is not hexadecimal")
        code = int(text, 16)
        if not chars([(code, code)]).ranges or code > LAST:
            self._refuse("it names half of a surrogate pair or no character at all")
        return code

    def _brackets(self) -> Node:
        negated = self._take("^")
        ranges: list[tuple[int, int]] = []
        while self._peek() != "]":
            low = self._member()
            if isinstance(low, Chars):
                ranges.extend(low.ranges)
            elif self._peek() == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
                self._at += 1
                high = self._member()
                if isinstance(high, Chars) or high < low:
                    self._refuse("it has a range of characters that is the wrong way round")
                ranges.append((low, high))
            else:
                ranges.append((low, low))
        self._at += 1
        found = others(ranges) if negated else chars(ranges)
        if not found.ranges:
            self._refuse("it has brackets that no character is in")
        return found

    def _member(self) -> Chars | int:
        char = self._next()
        if char != "\\":
            return ord(char)
        char = self._next()
        if char == "b":
            return 0x08
        return _CLASSES[char] if char in _CLASSES else self._code(char)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        char = self._peek()
        if not char:
            self._refuse("it ends too early")
        self._at += 1
        return char

    def _take(self, char: str) -> bool:
        found = self._peek() == char
        self._at += found
        return found

    def _refuse(self, why: str) -> NoReturn:
        raise PatternRefused(f"{why} (at character {self._at}).")


def _not_empty(node: Node) -> Node | None:
    """The texts of a node but for the empty one; None if there are no others."""
    if not nullable(node):
        return node
    match node:
        case Seq(parts):
            rests = [_after(parts, index) for index in range(len(parts))]
            found = [rest for rest in rests if rest is not None]
            return alt(*found) if found else None
        case Alt(parts):
            found = [whole for part in parts if (whole := _not_empty(part)) is not None]
            return alt(*found) if found else None
        case Repeat(body, _, most):
            return repeat(body, 1, most)
        case _:
            return None


def _after(parts: tuple[Node, ...], index: int) -> Node | None:
    """Texts in which part `index` is the first that is not empty."""
    whole = _not_empty(parts[index])
    return None if whole is None else seq(whole, *parts[index + 1 :])
