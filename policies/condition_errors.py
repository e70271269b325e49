"""What is wrong in a condition: where, and what to write instead."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from policies.atoms import Atom, Predicate
from policies.functions import expression_flaw, network_flaw
from policies.tokens import Token, read_tokens
from policies.vocabulary import ARGUMENT_FIELDS, CLOSED_SETS, FIELDS

_ERROR = re.compile(r"<input>:(\d+):(\d+): (.*?)(?: \[[A-Z_]+\])?$", re.MULTILINE)
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")


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
    found: list[Flaw] = []
    for line, column, said in _ERROR.findall(text):
        lines = source.split("\n")
        offset = sum(len(row) + 1 for row in lines[: int(line) - 1]) + int(column) - 1
        undeclared = _UNDECLARED.search(said)
        message = said
        if undeclared:
            name = undeclared.group(1)
            prefix = name.rpartition(".")[0]
            if prefix and source[max(offset - len(prefix), 0) : offset] == prefix:
                offset -= len(prefix)
            message = _unknown(name, arguments)
        elif "no matching overload" in message and "double" in message and "int" in message:
            message += "; write a number with a point, like 1.0"
        found.append(Flaw(offset=offset, message=message))
    return found or [Flaw(offset=0, message=f"does not compile: {text.splitlines()[0]}")]


def _unknown(name: str, arguments: frozenset[str]) -> str:
    known = [f"{group}.{field}" for group, fields in FIELDS.items() for field in fields]
    known += [f"args.{argument}.{field}" for argument in arguments for field in ARGUMENT_FIELDS]
    known += ["tool", "isOwn", "isPartner", "inCidr"]
    group = name.partition(".")[0]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    if near:
        return f"`{name}` is not a fact; did you mean `{near[0]}`?"
    if group == "args":
        return f"`{name}` is not a fact; write `args.NAME.value`, `args.NAME.trusted` or `args.NAME.sources`"
    if group in FIELDS:
        return f"`{name}` is not a fact; `{group}` has {', '.join(FIELDS[group])}"
    return f"`{name}` is not known; facts are {', '.join(FIELDS)}, args and tool"
