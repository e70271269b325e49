"""What no schema can check of `actions.yaml`: ids, roles, and conditions that compile.

Reads raw rows, so that a typo in one key hides nothing else.
"""

from __future__ import annotations

from core.canonical import Json
from policies.actions import STANDARD_ROLES
from policies.condition import Compiler, Condition, ConditionInvalid
from policies.document import Document, Path, nearest


def check_rules(document: Document, compiler: Compiler) -> dict[int, Condition]:
    """The conditions by the number of their rule; what is wrong is added to the document's problems."""
    rows = document.data.get("rules") if isinstance(document.data, dict) else None
    known = _roles(document.data.get("roles") if isinstance(document.data, dict) else None)
    conditions: dict[int, Condition] = {}
    seen: set[str] = set()
    for number, row in enumerate(rows if isinstance(rows, list) else []):
        if not isinstance(row, dict):
            continue
        path = ("rules", number)
        name = row.get("id")
        if isinstance(name, str) and name in seen:
            message = f"rule id `{name}` appears twice; give each rule its own"
            document.problems.append(document.problem((*path, "id"), message))
        seen.add(str(name))
        _check_roles(document, path, row.get("then"), known)
        _check_example_tools(document, path, row)
        condition = _condition(document, (*path, "when"), row.get("when"), compiler)
        if condition is not None:
            conditions[number] = condition
    return conditions


def _condition(document: Document, path: Path, when: Json, compiler: Compiler) -> Condition | None:
    # What is empty or no text is the schema's business.
    if not isinstance(when, str) or not when or document.is_unreadable(path):
        return None
    try:
        return compiler.compile(when)
    except ConditionInvalid as error:
        found = [document.problem_inside(path, flaw.offset, flaw.message) for flaw in error.flaws]
        document.problems.extend(found)
        return None


def _roles(listed: Json) -> list[str]:
    if isinstance(listed, list) and listed:
        return [role for role in listed if isinstance(role, str)]
    return list(STANDARD_ROLES)


def _check_roles(document: Document, path: Path, then: Json, known: list[str]) -> None:
    roles = then.get("from") if isinstance(then, dict) else None
    for position, role in enumerate(roles if isinstance(roles, list) else []):
        if isinstance(role, str) and role not in known:
            hint = nearest(role, known) or f"roles are {', '.join(known)}"
            message = f"nobody can hold the role `{role}`; {hint}"
            document.problems.append(document.problem((*path, "then", "from", position), message))


def _check_example_tools(document: Document, path: Path, row: Json) -> None:
    tools, examples = row.get("tools"), row.get("examples")
    for position, example in enumerate(examples if isinstance(examples, list) else []):
        given = example.get("given") if isinstance(example, dict) else None
        tool = given.get("tool") if isinstance(given, dict) else None
        if isinstance(tool, str) and isinstance(tools, list) and tool not in tools:
            message = f"this rule does not speak of `{tool}`; use one of its tools"
            document.problems.append(document.problem((*path, "examples", position, "given", "tool"), message))
