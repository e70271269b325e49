"""What the CEL compiler says of a condition, in words for the person who wrote it: where, and what to write instead."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from policies.vocabulary import ARGUMENT_FIELDS, FIELDS

_ERROR = re.compile(r"<input>:(\d+):(\d+): (.*?)(?: \[[A-Z_]+\])?$", re.MULTILINE)
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
_OVERLOAD = re.compile(r"no matching overload for '([^']*)' applied to '\((.*)\)'")
_COMPARES = re.compile(r"_(==|!=|<=|>=|<|>)_")

#: Functions of our own, and how they are called.
_OWN = {
    "isOwn": "isOwn(args.NAME.value)",
    "isPartner": "isPartner(args.NAME.value)",
    "inCidr": 'inCidr(args.NAME.value, "198.51.100.0/24")',
}
_METHODS = ("contains", "startsWith", "endsWith", "matches", "size")
_TYPES = {
    "int": "a whole number",
    "double": "a fraction",
    "string": "text",
    "bool": "true or false",
    "null_type": "nothing",
    "list": "a list",
}
#: What stands where the compiler stops, and what was probably meant. The first that fits counts.
_SYNTAX = (
    (r"===?", "a comparison is written `==`"),
    (r"=~", 'write `.matches("…")`, such as tool.matches("^read_")'),
    (r"=", "a comparison is written `==`"),
    (r"&(?!&)", "and is written `&&`"),
    (r"\|(?!\|)", "or is written `||`"),
    (r"and\b", "and is written `&&`"),
    (r"or\b", "or is written `||`"),
    (r"(['\"])(?:[^\\\n]|\\.)*?\1", "a backslash starts an escape in this text; write two of them"),
    (r"['\"]", "this text is not closed; add the quote"),
    (r"\)", "this parenthesis closes none; remove it"),
    (r"\]", "this bracket closes none; remove it"),
    (r",\d", "a fraction is written with a point, like 0.9"),
    (r";", "a rule has one condition; join its parts with `&&` or `||`"),
    (r"`", "facts stand without quotes; remove the backtick"),
    (r"[&|=<>!]", "two operators stand side by side; remove one"),
)


def compiler_flaws(source: str, text: str, arguments: frozenset[str]) -> Iterator[tuple[int, str]]:
    """Place in the condition and sentence. Of what does not parse only the first: the rest follows from it."""
    for line, column, said in _ERROR.findall(text):
        lines = source.split("\n")
        offset = sum(len(row) + 1 for row in lines[: int(line) - 1]) + int(column) - 1
        undeclared, overload = _UNDECLARED.search(said), _OVERLOAD.search(said)
        if said.startswith("Syntax error"):
            yield _syntax(source, offset, said)
            return
        if undeclared:
            yield _undeclared(source, offset, undeclared[1], arguments)
        elif overload:
            yield offset, _overload(overload[1], re.split(r", (?![^(]*\))", overload[2]))
        elif "invalid int literal" in said:
            yield offset, "this number is larger than any fact; write a smaller one"
        elif said.startswith("reserved identifier"):
            yield offset, f"`{said.rpartition(' ')[2]}` means something else in CEL; join parts with `&&` or `||`"
            return
        else:
            yield offset, f"{said}; write it as docs/reference/policy.md shows"


def _syntax(source: str, offset: int, said: str) -> tuple[int, str]:
    end = len(source.rstrip())
    if offset >= end:
        if "missing ')'" in said:
            return max(end - 1, 0), "a parenthesis is not closed; add `)`"
        return max(end - 1, 0), "the condition ends too early; write what follows, or remove the operator"
    before = re.search(r"\bnot\s+$", source[:offset])
    if before:
        return before.start(), "not is written `!`"
    if source[offset] == ">" and source[:offset].endswith("<"):
        return offset - 1, "unequal is written `!=`"
    if source[offset] == "=" and source[:offset].endswith("=="):
        return offset - 2, "a comparison is written `==`"
    if source[offset] in "&|" and source[:offset].endswith(source[offset] * 2):
        return offset, "two operators stand side by side; remove one"
    advice = next((words for pattern, words in _SYNTAX if re.match(pattern, source[offset:])), None)
    return offset, advice or "this cannot stand here; compare with `==`, `<` or `in`, and join with `&&` or `||`"


def _overload(function: str, types: list[str]) -> str:
    said = [_TYPES.get(type_.partition("(")[0], type_) for type_ in types]
    compares = _COMPARES.fullmatch(function)
    if compares:
        return f"`{compares[1]}` cannot compare {said[0]} with {said[1]}; {_comparable(types)}"
    if function == "!_":
        return f"`!` turns true or false, not {said[0]}; compare it first"
    if function in ("_&&_", "_||_", "_?_:_"):
        return f"`{function.strip('_').partition('_')[0]}` needs true or false; compare {said[0]} first"
    if function == "@in":
        return f"`in` needs a list of the same kind, not {said[1]}; write {said[0]} in [a, b]"
    if function in _OWN:
        return f"`{function}` does not take {' and '.join(said)}; write {_OWN[function]}"
    return f"`{function.strip('_')}` does not take {' and '.join(said)}; give it text or numbers of one kind"


def _comparable(types: list[str]) -> str:
    kinds = set(types)
    if kinds == {"int", "double"}:
        other = "write a number with a point, like 1.0" if types[0] == "double" else "write a whole number, like 1"
    elif "null_type" in kinds:
        other = "every fact has a value, so compare with one"
    elif kinds == {"bool", "string"}:
        other = "write true or false without quotes"
    elif "string" in kinds and kinds & {"int", "double"}:
        other = "write the number without quotes"
    else:
        other = f"compare with {_TYPES.get(types[0], types[0])}"
    return other


def _undeclared(source: str, offset: int, name: str, arguments: frozenset[str]) -> tuple[int, str]:
    prefix = name.rpartition(".")[0]
    if prefix and source[max(offset - len(prefix), 0) : offset] == prefix:
        offset -= len(prefix)
    if name in _OWN:
        return offset, f"`{name}` is called differently; write {_OWN[name]}"
    called = source[offset:].startswith("(") or re.match(rf"\.?{re.escape(name)}\s*\(", source[offset:])
    if called:
        known = (*_OWN, *_METHODS)
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"functions are {', '.join(known)}"
        return offset, f"`{name}` is no function; {hint}"
    return offset, _unknown(name, arguments)


def _unknown(name: str, arguments: frozenset[str]) -> str:
    known = [f"{group}.{field}" for group, fields in FIELDS.items() for field in fields]
    known += [f"args.{argument}.{field}" for argument in arguments for field in ARGUMENT_FIELDS]
    known += ["tool", *_OWN]
    group = name.partition(".")[0]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    if near:
        return f"`{name}` is not a fact; did you mean `{near[0]}`?"
    if group == "args":
        return f"`{name}` is not a fact; write `args.NAME.value`, `args.NAME.trusted` or `args.NAME.sources`"
    if name in FIELDS:
        return f"`{name}` holds several facts; write {', '.join(f'{name}.{field}' for field in FIELDS[name])}"
    if group in FIELDS:
        return f"`{name}` is not a fact; `{group}` has {', '.join(FIELDS[group])}"
    facts = f"facts are {', '.join(FIELDS)}, args and tool"
    return f"`{name}` is not known; {facts}{'' if '.' in name else ', and text stands in quotes'}"
