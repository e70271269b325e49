"""Loads a policy bundle: four YAML files, checked as a whole. A bundle with any problem does not load."""

from __future__ import annotations

from pathlib import Path

from core.canonical import Json, digest
from core.errors import BundleInvalid, Problem
from policies.actions import STANDARD_ROLES, ActionRules
from policies.compiled import Bundle, CompiledRule
from policies.condition import Compiler, Condition, ConditionInvalid
from policies.document import Document, check_model, nearest, read_document
from policies.examples import run_examples
from policies.guardrails import Guardrails
from policies.masking.rules import MaskingRules
from policies.organization import Organization

__all__ = ["Bundle", "BundleInvalid", "default_bundle_path", "load_bundle"]

#: The files of a bundle; a file with any other name is a problem, so that a misspelt one is noticed.
FILES = ("organization.yaml", "masking.yaml", "actions.yaml", "guardrails.yaml")

#: Lets conditions compile although the organization does not.
_NOBODY = Organization(name="nobody", domains=["invalid.example"])

Place = tuple[int | str, ...]


def default_bundle_path() -> Path:
    """The bundle that casemate ships: a start for a bank."""
    return Path(__file__).parent / "rulesets" / "default"


def load_bundle(path: Path) -> Bundle:
    """Read, check and compile a bundle, and run the examples of its rules.

    Raises:
        BundleInvalid: with every problem, each with its file, line and column.
    """
    documents, problems = _read(path)
    organization = check_model(documents["organization.yaml"], Organization)
    masking = check_model(documents["masking.yaml"], MaskingRules)
    actions = check_model(documents["actions.yaml"], ActionRules)
    guardrails = check_model(documents["guardrails.yaml"], Guardrails)
    conditions = _check_rules(documents["actions.yaml"], Compiler(organization or _NOBODY))
    for document in documents.values():
        problems.extend(document.problems)
    hash_ = _hash(documents, problems)
    # Examples run only on a bundle that is otherwise sound: a broken rule would fail them all.
    if problems or organization is None or masking is None or actions is None or guardrails is None:
        raise BundleInvalid(sorted(problems, key=lambda problem: (problem.file, problem.line, problem.column)))
    bundle = Bundle(
        path=path,
        hash=hash_,
        organization=organization,
        masking=masking,
        actions=actions,
        guardrails=guardrails,
        rules=tuple(
            CompiledRule(rule=rule, condition=conditions.get(number)) for number, rule in enumerate(actions.rules)
        ),
        documents=documents,
    )
    failed = run_examples(bundle)
    if failed:
        raise BundleInvalid(failed)
    return bundle


def _read(path: Path) -> tuple[dict[str, Document], list[Problem]]:
    if not path.is_dir():
        message = f"is not a folder; a policy bundle is a folder with {', '.join(FILES)}"
        raise BundleInvalid([Problem(file=str(path), line=1, column=1, message=message)])
    problems = []
    for entry in sorted(path.iterdir()):
        if entry.suffix in (".yaml", ".yml") and entry.name not in FILES:
            hint = nearest(entry.name, FILES)
            message = f"is not part of a bundle; {hint or 'the files are ' + ', '.join(FILES)}"
            problems.append(Problem(file=str(entry), line=1, column=1, message=message))
    return {name: read_document(path / name) for name in FILES}, problems


def _check_rules(document: Document, compiler: Compiler) -> dict[int, Condition]:
    """Compile every condition and check what no schema can. Reads raw rows, so that a typo in one key hides nothing."""
    rows = document.data.get("rules") if isinstance(document.data, dict) else None
    roles = document.data.get("roles") if isinstance(document.data, dict) else None
    known = [role for role in roles if isinstance(role, str)] if isinstance(roles, list) else list(STANDARD_ROLES)
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
        if isinstance(row.get("when"), str):
            try:
                conditions[number] = compiler.compile(row["when"])
            except ConditionInvalid as error:
                where = (*path, "when")
                found = [document.problem_inside(where, flaw.offset, flaw.message) for flaw in error.flaws]
                document.problems.extend(found)
    return conditions


def _check_roles(document: Document, path: Place, then: Json, known: list[str]) -> None:
    roles = then.get("from") if isinstance(then, dict) else None
    for position, role in enumerate(roles if isinstance(roles, list) else []):
        if role not in known:
            hint = nearest(str(role), known) or f"roles are {', '.join(known)}"
            message = f"nobody can hold the role `{role}`; {hint}"
            document.problems.append(document.problem((*path, "then", "from", position), message))


def _check_example_tools(document: Document, path: Place, row: Json) -> None:
    tools, examples = row.get("tools"), row.get("examples")
    for position, example in enumerate(examples if isinstance(examples, list) else []):
        given = example.get("given") if isinstance(example, dict) else None
        tool = given.get("tool") if isinstance(given, dict) else None
        if tool is not None and isinstance(tools, list) and tool not in tools:
            message = f"this rule does not speak of `{tool}`; use one of its tools"
            document.problems.append(document.problem((*path, "examples", position, "given", "tool"), message))


def _hash(documents: dict[str, Document], problems: list[Problem]) -> str:
    content: dict[str, Json] = {}
    for name, document in documents.items():
        try:
            digest(document.data)
            content[name] = document.data
        except (ValueError, RecursionError) as error:
            problems.append(document.problem((), f"holds a number that JSON cannot carry exactly ({error})"))
    return digest(content)
