"""Conditions in CEL: compiled and type-checked once, evaluated so that no error is ever absorbed.

CEL lets `a || error` be true. Here `&&`, `||` and `!` are walked from left to right instead, and every part that is
reached must give true or false; anything else is `Undecided`, which the engine turns into a denial.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from policies.organization import Organization
from policies.vocabulary import ARGUMENT_FIELDS, CLOSED_SETS, FIELDS

#: Characters in one condition; a longer one should be two rules.
MAX_CONDITION = 4_000

_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
      | (?P<string>[rRbB]{0,2}(?:\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''(?:[^\\]|\\.)*?'''
                                |"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<mark>&&|\|\||==|!=|<=|>=|[0-9][0-9A-Za-z_.]*|.)""",
    re.VERBOSE | re.DOTALL,
)
_ERROR = re.compile(r"<input>:(\d+):(\d+): (.*?)(?: \[[A-Z_]+\])?$", re.MULTILINE)
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")


class Undecided(Exception):
    """Part of a condition gave neither true nor false; `code` is CEL's word for why, without any value."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


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


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Atom:
    expression: Any

    def holds(self, facts: Mapping[str, Any]) -> bool:
        result = self.expression.eval(data=facts)
        value = result.value()
        if result.type().name() == "BOOL" and isinstance(value, bool):
            return value
        # The text of an error may quote a value; only the leading code word is safe to keep.
        code = re.match(r"[A-Z_]+", str(value))
        raise Undecided(code.group() if code else result.type().name())


@dataclass(frozen=True, slots=True)
class _Not:
    part: _Atom | _Not | _Join

    def holds(self, facts: Mapping[str, Any]) -> bool:
        return not self.part.holds(facts)


@dataclass(frozen=True, slots=True)
class _Join:
    """`&&` stops at the first false part, `||` at the first true one."""

    stops_at: bool
    parts: tuple[_Atom | _Not | _Join, ...]

    def holds(self, facts: Mapping[str, Any]) -> bool:
        return self.stops_at if any(part.holds(facts) is self.stops_at for part in self.parts) else not self.stops_at


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """A compiled condition. Safe to share between threads."""

    source: str
    #: Argument names the condition reads.
    arguments: frozenset[str]
    _root: _Atom | _Not | _Join

    def holds(self, facts: Mapping[str, Any]) -> bool:
        """Whether the condition is true of `policies.vocabulary.activation(facts)`.

        Raises:
            Undecided: some part that had to be looked at is neither true nor false.
        """
        return self._root.holds(facts)


class Compiler:
    """Compiles conditions for one organization, whose own and partner names the functions know."""

    def __init__(self, organization: Organization) -> None:
        self._functions = _functions(organization)
        self._environments: dict[frozenset[str], Any] = {}

    def compile(self, source: str) -> Condition:
        """A condition ready to evaluate.

        Raises:
            ConditionInvalid: with every flaw and where it is.
        """
        if len(source) > MAX_CONDITION:
            raise ConditionInvalid(
                [Flaw(offset=0, message=f"is longer than {MAX_CONDITION} characters; split the rule")]
            )
        tokens = [token for token in _tokens(source) if token.kind != "space"]
        arguments = frozenset(_argument_names(tokens))
        environment = self._environment(arguments)
        flaws = [*_misused_has(tokens), *_impossible_words(tokens)]
        try:
            whole = environment.compile(source)
        except RuntimeError as error:
            raise ConditionInvalid([*flaws, *_flaws(source, str(error), arguments)]) from None
        if whole.return_type().name() != "BOOL":
            flaws.append(Flaw(offset=0, message=f"gives {whole.return_type().name().lower()}, not true or false"))
        if flaws:
            raise ConditionInvalid(flaws)
        return Condition(source=source, arguments=arguments, _root=_tree(source, tokens, environment))

    def _environment(self, arguments: frozenset[str]) -> Any:
        if arguments not in self._environments:
            from cel_expr_python import cel

            types = {"bool": cel.Type.BOOL, "int": cel.Type.INT, "double": cel.Type.DOUBLE, "string": cel.Type.STRING}
            variables = {"tool": cel.Type.STRING}
            for group, fields in FIELDS.items():
                # Dotted names are variables of their own, so that `asset.teir` does not compile.
                variables |= {f"{group}.{field}": types[kind] for field, kind in fields.items()}
            for name in arguments:
                variables[f"args.{name}.value"] = cel.Type.DYN
                variables[f"args.{name}.trusted"] = cel.Type.BOOL
                variables[f"args.{name}.sources"] = cel.Type.List(cel.Type.STRING)
            self._environments[arguments] = cel.NewEnv(variables=variables, functions=self._functions)
        return self._environments[arguments]


def _functions(organization: Organization) -> list[Any]:
    from cel_expr_python import cel

    def declare(name: str, arity: int, function: Any) -> Any:
        overload = cel.Overload(
            f"{name}_{'_'.join(['string'] * arity)}",
            return_type=cel.Type.BOOL,
            parameters=[cel.Type.STRING] * arity,
            impl=function,
        )
        return cel.FunctionDecl(name, [overload])

    return [
        declare("isOwn", 1, organization.is_own),
        declare("isPartner", 1, organization.is_partner),
        declare("inCidr", 2, _in_cidr),
    ]


def _in_cidr(address: str, network: str) -> bool:
    return ipaddress.ip_address(address) in ipaddress.ip_network(network)


def _tokens(source: str) -> Iterator[_Token]:
    for match in _TOKEN.finditer(source):
        yield _Token(match.lastgroup or "mark", match.group(), match.start(), match.end())


def _argument_names(tokens: list[_Token]) -> Iterator[str]:
    for index in range(len(tokens) - 2):
        first, dot, name = tokens[index : index + 3]
        after_dot = index > 0 and tokens[index - 1].text == "."
        if first.text == "args" and dot.text == "." and name.kind == "name" and not after_dot:
            yield name.text


def _misused_has(tokens: list[_Token]) -> list[Flaw]:
    return [
        Flaw(offset=token.start, message="`has()` is not needed: every fact is always present; remove it")
        for token, following in pairwise(tokens)
        if token.kind == "name" and token.text == "has" and following.text == "("
    ]


def _impossible_words(tokens: list[_Token]) -> list[Flaw]:
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


def _tree(source: str, tokens: list[_Token], environment: Any) -> _Atom | _Not | _Join:
    depths = _depths(tokens)
    top = {token.text for token, depth in zip(tokens, depths, strict=True) if depth == 0}
    if "?" not in top:
        for operator, stops_at in (("||", True), ("&&", False)):
            if operator in top:
                cuts = [i for i, token in enumerate(tokens) if token.text == operator and depths[i] == 0]
                bounds = zip([-1, *cuts], [*cuts, len(tokens)], strict=True)
                parts = tuple(_tree(source, tokens[a + 1 : b], environment) for a, b in bounds)
                return _Join(stops_at, parts)
    if tokens[0].text == "!" and _wraps(tokens[1:]):
        return _Not(_tree(source, tokens[2:-1], environment))
    if _wraps(tokens):
        return _tree(source, tokens[1:-1], environment)
    return _Atom(environment.compile(source[tokens[0].start : tokens[-1].end]))


def _depths(tokens: list[_Token]) -> list[int]:
    """Depth of brackets around each token; a bracket itself counts as inside."""
    depths: list[int] = []
    depth = 0
    for token in tokens:
        opens = token.text in ("(", "[", "{")
        depth += opens
        depths.append(depth)
        depth -= token.text in (")", "]", "}")
    return depths


def _wraps(tokens: list[_Token]) -> bool:
    """Whether the first token opens a parenthesis that only the last one closes."""
    if len(tokens) < 3 or tokens[0].text != "(" or tokens[-1].text != ")":
        return False
    return all(depth >= 1 for depth in _depths(tokens)) and _first_close(tokens) == len(tokens) - 1


def _first_close(tokens: list[_Token]) -> int:
    depth = 0
    for index, token in enumerate(tokens):
        depth += token.text == "("
        depth -= token.text == ")"
        if depth == 0:
            return index
    return -1


def _flaws(source: str, text: str, arguments: frozenset[str]) -> list[Flaw]:
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
