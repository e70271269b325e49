"""Loads a policy bundle: four YAML files, checked as a whole. A bundle with any problem does not load."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from core.canonical import Json, digest
from core.errors import BundleInvalid, Problem
from policies.actions import ActionRules, Ask
from policies.compiled import Bundle, CompiledRule
from policies.condition import Compiler, ConditionInvalid
from policies.document import Document, check_model, nearest, read_document
from policies.examples import run_examples
from policies.guardrails import Guardrails
from policies.masking.rules import MaskingRules
from policies.organization import Organization

__all__ = ["Bundle", "BundleInvalid", "default_bundle_path", "load_bundle"]

#: The files of a bundle; a file with any other name is a problem, so that a misspelt one is noticed.
FILES = ("organization.yaml", "masking.yaml", "actions.yaml", "guardrails.yaml")


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
    for document in documents.values():
        problems.extend(document.problems)
    rules: tuple[CompiledRule, ...] = ()
    if actions is not None:
        problems.extend(_inconsistencies(documents["actions.yaml"], actions))
        if organization is not None:
            rules, flaws = _compile(documents["actions.yaml"], actions, Compiler(organization))
            problems.extend(flaws)
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
        rules=rules,
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


def _inconsistencies(document: Document, actions: ActionRules) -> Iterator[Problem]:
    seen: set[str] = set()
    for number, rule in enumerate(actions.rules):
        path = ("rules", number)
        if rule.id in seen:
            yield document.problem((*path, "id"), f"rule id `{rule.id}` appears twice; give each rule its own")
        seen.add(rule.id)
        if isinstance(rule.then, Ask):
            for position, role in enumerate(rule.then.roles):
                if role not in actions.roles:
                    hint = nearest(role, actions.roles) or f"roles are {', '.join(actions.roles)}"
                    message = f"nobody can hold the role `{role}`; {hint}"
                    yield document.problem((*path, "then", "from", position), message)
        for position, example in enumerate(rule.examples):
            tool = example.given.tool
            if tool is not None and tool not in rule.tools:
                where = (*path, "examples", position, "given", "tool")
                yield document.problem(where, f"rule `{rule.id}` does not speak of `{tool}`; use one of its tools")


def _compile(
    document: Document, actions: ActionRules, compiler: Compiler
) -> tuple[tuple[CompiledRule, ...], list[Problem]]:
    compiled: list[CompiledRule] = []
    problems: list[Problem] = []
    for number, rule in enumerate(actions.rules):
        condition = None
        if rule.when is not None:
            try:
                condition = compiler.compile(rule.when)
            except ConditionInvalid as error:
                place = ("rules", number, "when")
                problems.extend(document.problem_inside(place, flaw.offset, flaw.message) for flaw in error.flaws)
        compiled.append(CompiledRule(rule=rule, condition=condition))
    return tuple(compiled), problems


def _hash(documents: dict[str, Document], problems: list[Problem]) -> str:
    content: dict[str, Json] = {}
    for name, document in documents.items():
        try:
            digest(document.data)
            content[name] = document.data
        except (ValueError, RecursionError) as error:
            problems.append(document.problem((), f"holds a number that JSON cannot carry exactly ({error})"))
    return digest(content)
