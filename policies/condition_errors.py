"""What is wrong in a condition: where, and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from policies.atoms import Atom, Predicate
from policies.cel_words import compiler_flaws
from policies.functions import expression_flaw, network_flaw
from policies.tokens import Token, read_tokens
from policies.vocabulary import CLOSED_SETS


@dataclass(frozen=True, kw_only=True, slots=True)
class Flaw:
    """Something wrong in a condition, at a character of it."""

    offset: int
    message: str


class ConditionInvalid(Exception):
    """A condition that does not compile, with all of its flaws."""

    def __init__(self, flaws: list[Flaw]) -> None:
        self.flaws = flaws
        super().__init__("; ".join(flaw.message for flaw in flaws))


def of_tokens(tokens: list[Token]) -> list[Flaw]:
    """What compiles and yet can never be meant."""
    return [*_misused_has(tokens), *_impossible_words(tokens)]


def of_atoms(found: Iterable[Atom]) -> list[Flaw]:
    """Literals that a function can do nothing with, so that the condition could never be decided."""
    flaws: list[Flaw] = []
    for atom in found:
        if not isinstance(atom.form, Predicate):
            continue
        checks = {"matches": expression_flaw, "inCidr": network_flaw}
        check = checks.get(atom.form.function)
        message = check(atom.form.arguments[0]) if check else None
        if message is not None:
            literal = next(token for token in reversed(read_tokens(atom.source)) if token.kind == "string")
            flaws.append(Flaw(offset=atom.offset + literal.start, message=message))
    return flaws


def _misused_has(tokens: list[Token]) -> list[Flaw]:
    return [
        Flaw(offset=token.start, message="`has()` is not needed: every fact is always present; remove it")
        for token, following in pairwise(tokens)
        if token.kind == "name" and token.text == "has" and following.text == "("
    ]


def _impossible_words(tokens: list[Token]) -> list[Flaw]:
    """Comparisons of a closed fact with a word it can never be: `verdict.label == "malicous"`."""
    flaws: list[Flaw] = []
    for index in range(len(tokens) - 4):
        name = "".join(token.text for token in tokens[index : index + 3])
        if name not in CLOSED_SETS:
            continue
        rest = tokens[index + 3 :]
        if rest[0].text in ("==", "!="):
            words = rest[1:2]
        elif rest[0].text == "in" and rest[1].text == "[":
            end = next((i for i, token in enumerate(rest) if token.text == "]"), len(rest))
            words = rest[2:end]
        else:
            continue
        flaws.extend(
            Flaw(offset=word.start, message=_never(name, word.text[1:-1]))
            for word in words
            if word.kind == "string" and word.text[1:-1] not in CLOSED_SETS[name]
        )
    return flaws


def _never(name: str, word: str) -> str:
    near = difflib.get_close_matches(word, CLOSED_SETS[name], n=1)
    known = ", ".join(value for value in CLOSED_SETS[name] if value)
    return f'`{name}` is never "{word}"; ' + (f'did you mean "{near[0]}"?' if near else f"it is one of {known}")


def of_compiler(source: str, text: str, arguments: frozenset[str]) -> list[Flaw]:
    """What the compiler says, each at its place."""
    found = [Flaw(offset=offset, message=message) for offset, message in compiler_flaws(source, text, arguments)]
    return found or [Flaw(offset=0, message="does not compile; write it as docs/reference/policy.md shows")]
