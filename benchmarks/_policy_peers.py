"""The same rules decided by the two CEL engines a Python project would take: a loop over compiled conditions.

Each keeps the strictest outcome that matches and denies on an error. Nothing else of a decision is done: no roles, no
limits, no leases, no reasons.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import celpy
from cel_expr_python import cel
from celpy.adapter import json_to_cel
from celpy.evaluation import CELEvalError

from core.decision import Facts
from policies.compiled import Bundle
from policies.functions import in_cidr
from policies.vocabulary import FIELDS, activation

_STRICTNESS = {"allow": 0, "ask": 1, "deny": 2}
_OUTCOMES = ("allow", "ask", "deny")


class Peer(Protocol):
    """One engine with the rules of a bundle compiled."""

    def outcome(self, facts: Facts) -> str:
        """The strictest outcome of the rules that match; `deny` when none does, and on any error."""
        ...


class CelPython:
    """cel-python, pure Python: facts become its own types once a decision.

    Its compiled runner is the quicker one; conditions with functions of ours take the other, where they work.
    """

    def __init__(self, bundle: Bundle) -> None:
        own, partner = bundle.organization.is_own, bundle.organization.is_partner
        functions: dict[str, Any] = {
            "isOwn": lambda value: celpy.celtypes.BoolType(own(str(value))),
            "isPartner": lambda value: celpy.celtypes.BoolType(partner(str(value))),
            "inCidr": lambda value, network: celpy.celtypes.BoolType(in_cidr(str(value), str(network))),
        }
        # In this order: cel-python keeps one parser for all environments, and the first one chooses its trees.
        compiled = celpy.Environment(runner_class=celpy.CompiledRunner)
        interpreted = celpy.Environment(runner_class=celpy.InterpretedRunner)

        def program(source: str) -> Any:
            has_functions = any(f"{name}(" in source for name in functions)
            environment = interpreted if has_functions else compiled
            return environment.program(environment.compile(source), functions if has_functions else None)

        self._rules = _by_tool(bundle, program)

    def outcome(self, facts: Facts) -> str:
        context: Any = json_to_cel(facts.as_json())
        strictest = -1
        for program, strictness in self._rules[facts.tool]:
            try:
                if program.evaluate(context):
                    strictest = max(strictest, strictness)
            except CELEvalError:
                strictest = 2
        return _OUTCOMES[strictest]  # nothing matched is -1, the last: deny


class CelExpr:
    """cel-expr-python, the CEL team's binding of their C++ engine."""

    def __init__(self, bundle: Bundle) -> None:
        kinds = {"bool": cel.Type.BOOL, "int": cel.Type.INT, "double": cel.Type.DOUBLE, "string": cel.Type.STRING}
        variables = {
            f"{group}.{name}": kinds[kind] for group, fields in FIELDS.items() for name, kind in fields.items()
        }
        arguments = {name for rule in bundle.rules if rule.condition for name in rule.condition.arguments}
        for name in arguments:
            variables |= {f"args.{name}.value": cel.Type.DYN, f"args.{name}.trusted": cel.Type.BOOL}
        functions = [
            _declared("isOwn", 1, bundle.organization.is_own),
            _declared("isPartner", 1, bundle.organization.is_partner),
            _declared("inCidr", 2, in_cidr),
        ]
        environment = cel.NewEnv(variables={"tool": cel.Type.STRING, **variables}, functions=functions)
        self._rules = _by_tool(bundle, environment.compile)

    def outcome(self, facts: Facts) -> str:
        named = activation(facts)
        strictest = -1
        for expression, strictness in self._rules[facts.tool]:
            value = expression.eval(data=named)
            if value.type() == cel.Type.BOOL:
                if value.value():
                    strictest = max(strictest, strictness)
            else:
                strictest = 2
        return _OUTCOMES[strictest]  # nothing matched is -1, the last: deny


def _by_tool(bundle: Bundle, compile_: Callable[[str], Any]) -> dict[str, list[tuple[Any, int]]]:
    rules: dict[str, list[tuple[Any, int]]] = {}
    for compiled in bundle.rules:
        rule = compiled.rule
        strictness = _STRICTNESS["ask" if not isinstance(rule.then, str) else rule.then]
        for tool in rule.tools:
            rules.setdefault(tool, []).append((compile_(rule.when or "true"), strictness))
    return rules


def _declared(name: str, arity: int, function: Callable[..., bool]) -> Any:
    overload = cel.Overload(
        f"{name}_string", return_type=cel.Type.BOOL, parameters=[cel.Type.STRING] * arity, impl=function
    )
    return cel.FunctionDecl(name, [overload])
