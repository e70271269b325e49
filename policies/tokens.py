"""Splits a condition into tokens, so that its `&&`, `||` and `!` can be found. What the tokens mean is CEL's matter."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
      | (?P<string>[rRbB]{0,2}(?:\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''(?:[^\\]|\\.)*?'''
                                |"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<mark>&&|\|\||==|!=|<=|>=|[0-9][0-9A-Za-z_.]*|.)""",
    re.VERBOSE | re.DOTALL,
)
_OPENS, _CLOSES = frozenset("([{"), frozenset(")]}")


@dataclass(frozen=True, slots=True)
class Token:
    """One token: a string, a name or a mark (an operator, a bracket, a number), and where it stands."""

    kind: str
    text: str
    start: int
    end: int


def read_tokens(source: str) -> list[Token]:
    """The tokens of a condition, without spaces and comments."""
    return [
        Token(match.lastgroup or "mark", match.group(), match.start(), match.end())
        for match in _TOKEN.finditer(source)
        if match.lastgroup != "space"
    ]


def depths(tokens: Sequence[Token]) -> list[int]:
    """Depth of brackets around each token; a bracket itself counts as inside."""
    found: list[int] = []
    depth = 0
    for token in tokens:
        depth += token.text in _OPENS
        found.append(depth)
        depth -= token.text in _CLOSES
    return found


def wraps(tokens: Sequence[Token]) -> bool:
    """Whether the first token opens a parenthesis that only the last one closes: nothing stands outside of it."""
    return tokens[0].text == "(" and tokens[-1].text == ")" and 0 not in depths(tokens)


def dotted_names(tokens: Sequence[Token]) -> list[str]:
    """Every run of names joined by points that starts afresh: `args.host.value`, `tool`, `isOwn`."""
    found: list[str] = []
    index = 0
    while index < len(tokens):
        if tokens[index].kind != "name" or _is_member(tokens, index):
            index += 1
            continue
        end = index + 1
        while end + 1 < len(tokens) and tokens[end].text == "." and tokens[end + 1].kind == "name":
            end += 2
        found.append("".join(token.text for token in tokens[index:end]))
        index = end
    return found


def _is_member(tokens: Sequence[Token], index: int) -> bool:
    """Whether a name belongs to the value before it, as in `f(x).size`; a lone point before it starts afresh."""
    if index < 2 or tokens[index - 1].text != ".":
        return False
    before = tokens[index - 2]
    return before.kind in ("name", "string") or before.text in _CLOSES
