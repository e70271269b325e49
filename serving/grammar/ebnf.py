"""A grammar in the notation of xgrammar."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from serving.grammar.loosening import Run, run_of
from serving.grammar.nodes import EMPTY, Alt, Chars, Free, Grammar, Node, Ref, Repeat, Seq, Text

#: Characters that mean something inside of quotes, and inside of brackets.
_IN_QUOTES = frozenset('"\\')
_IN_BRACKETS = frozenset("\\-]^[")


def written(grammar: Grammar, ends: Callable[[Node], bool]) -> str:
    """The whole grammar; its root is called `root`. What never `ends` is left out, as are long counts of characters."""
    return _Writer(grammar, ends).whole()


class _Writer:
    def __init__(self, grammar: Grammar, ends: Callable[[Node], bool]) -> None:
        self._grammar = grammar
        self._ends = ends
        self._free: dict[str, str] = {}

    def whole(self) -> str:
        rules = {"root": self._grammar.root}
        rules |= {name: node for name, node in self._grammar.rules.items() if self._ends(node)}
        lines = [f"{name} ::= {self._written(node)}" for name, node in rules.items()]
        lines += [
            f"{name} ::= TagDispatch(loop_after_dispatch=false, excludes=({_quoted(without)}))"
            for without, name in self._free.items()
        ]
        return "\n".join(lines) + "\n"

    def _written(self, node: Node) -> str:
        match node:
            case Text(text):
                return _quoted(text)
            case Chars(ranges):
                return "[" + "".join(map(_range, ranges)) + "]"
            case Seq(parts):
                return " ".join(self._inner(part) for part in parts)
            case Alt(parts):
                # Nothing comes first: the notation takes it for a slip elsewhere.
                ordered = sorted(filter(self._ends, parts), key=lambda part: part != EMPTY)
                return " | ".join(self._written(part) for part in ordered)
            case Repeat(body, least, most):
                run = run_of(node, self._grammar.rules)
                if run is not None:
                    return self._run(run, body, least)
                return f"{self._inner(body)}{_times(least, most)}"
            case Ref(name):
                return name
            case Free(without):
                return self._free.setdefault(without, f"free{len(self._free)}")
            case _:
                assert_never(node)

    def _run(self, run: Run, body: Node, least: int) -> str:
        """Characters without end in the form that masks are quickest for: escapes stand between plain runs."""
        first = [self._inner(body)] * run.kept(least)
        plain = f"{self._written(run.plain)}*"
        rest = [] if run.escapes is None else [f"(({self._written(run.escapes)}) {plain})*"]
        return " ".join([*first, plain, *rest])

    def _inner(self, node: Node) -> str:
        text = self._written(node)
        return f"({text})" if isinstance(node, Seq | Alt | Repeat) else text


def _times(least: int, most: int | None) -> str:
    if most is None:
        return {0: "*", 1: "+"}.get(least, f"{{{least},}}")
    return f"{{{least},{most}}}"


def _quoted(text: str) -> str:
    return '"' + "".join(_char(ord(char), _IN_QUOTES) for char in text) + '"'


def _range(pair: tuple[int, int]) -> str:
    low, high = (_char(code, _IN_BRACKETS) for code in pair)
    return low if pair[0] == pair[1] else f"{low}-{high}"


def _char(code: int, special: frozenset[str]) -> str:
    if 0x20 <= code < 0x7F:
        return ("\\" if chr(code) in special else "") + chr(code)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
