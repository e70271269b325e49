"""Conditions in CEL: compiled and type-checked once, kept as a tree whose atoms are evaluated one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policies.atoms import Atom, Join, Node, Not, Scalar, Undecided, atoms
from policies.condition_errors import ConditionInvalid, Flaw, of_atoms, of_compiler, of_tokens
from policies.forms import kind_of, recognise
from policies.functions import in_cidr
from policies.organization import Organization
from policies.tokens import Token, depths, dotted_names, read_tokens, wraps
from policies.vocabulary import FIELDS

__all__ = ["Compiler", "Condition", "ConditionInvalid", "Flaw", "Undecided"]

#: Characters in one condition; a longer one should be two rules.
MAX_CONDITION = 4_000

#: Marks that bind looser than `!`; one of them beside the operand means that `!` covers only part of it.
_BINARY = frozenset({"&&", "||", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "?", ":", "in"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """A compiled condition. Safe to share between threads."""

    source: str
    #: Argument names the condition reads.
    arguments: frozenset[str]
    root: Node

    def holds(self, named: Mapping[str, Any]) -> bool:
        """Whether the condition is true of `policies.vocabulary.activation(facts)`.

        Raises:
            Undecided: some part that had to be looked at is neither true nor false.
        """
        return self.root.holds(named)


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
        tokens = read_tokens(source)
        arguments = frozenset(_argument_names(tokens))
        environment = self._environment(arguments)
        flaws = of_tokens(tokens)
        try:
            whole = environment.compile(source)
        except RuntimeError as error:
            raise ConditionInvalid([*flaws, *of_compiler(source, str(error), arguments)]) from None
        if whole.return_type().name() != "BOOL":
            flaws.append(
                Flaw(offset=0, message=f"gives {whole.return_type().name().lower()}, not true or false; compare it")
            )
        if flaws:
            raise ConditionInvalid(flaws)
        root = _Tree(source, environment).node(tokens)
        flaws = of_atoms(atoms(root))
        if flaws:
            raise ConditionInvalid(flaws)
        return Condition(source=source, arguments=arguments, root=root)

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


@dataclass(frozen=True, slots=True)
class _Tree:
    """Cuts a condition that compiles into its tree."""

    source: str
    environment: Any

    def node(self, tokens: Sequence[Token]) -> Node:
        around = depths(tokens)
        top = {token.text for token, depth in zip(tokens, around, strict=True) if depth == 0}
        if "?" not in top:
            for operator, stops_at in (("||", True), ("&&", False)):
                if operator in top:
                    cuts = [i for i, token in enumerate(tokens) if token.text == operator and around[i] == 0]
                    bounds = zip([-1, *cuts], [*cuts, len(tokens)], strict=True)
                    return Join(stops_at, tuple(self.node(tokens[a + 1 : b]) for a, b in bounds))
        if tokens[0].text == "!" and not top & _BINARY:
            return Not(self.node(tokens[1:]))
        if wraps(tokens):
            return self.node(tokens[1:-1])
        return self._atom(tokens)

    def _atom(self, tokens: Sequence[Token]) -> Atom:
        return Atom(
            source=self._text(tokens),
            offset=tokens[0].start,
            reads=frozenset(name for name in map(_fact_of, dotted_names(tokens)) if name is not None),
            form=recognise(tokens, self._literal),
            _expression=self.environment.compile(self._text(tokens)),
        )

    def _literal(self, tokens: Sequence[Token]) -> Scalar | None:
        """The value of a literal as CEL reads it; None when it is no plain scalar."""
        if not tokens or not all(_is_literal(token) for token in tokens):
            return None
        result = self.environment.compile(self._text(tokens)).eval(data={})
        value = result.value()
        if result.type().name() not in ("BOOL", "INT", "DOUBLE", "STRING"):
            return None
        return value if isinstance(value, bool | int | float | str) else None

    def _text(self, tokens: Sequence[Token]) -> str:
        return self.source[tokens[0].start : tokens[-1].end]


def _is_literal(token: Token) -> bool:
    return token.kind == "string" or token.text in ("true", "false", "-", ".") or token.text[0].isdigit()


def _fact_of(name: str) -> str | None:
    """The fact that a dotted name begins with: `args.url.value` of `args.url.value.startsWith`."""
    parts = name.split(".")
    for length in (3, 2, 1):
        fact = ".".join(parts[:length])
        is_sources = length == 3 and parts[0] == "args" and len(parts) >= 3 and parts[2] == "sources"
        if len(parts) >= length and (is_sources or kind_of(fact) is not None):
            return fact
    return None


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
        declare("inCidr", 2, in_cidr),
    ]


def _argument_names(tokens: Sequence[Token]) -> Iterator[str]:
    for name in dotted_names(tokens):
        parts = name.split(".")
        if parts[0] == "args" and len(parts) > 1:
            yield parts[1]
