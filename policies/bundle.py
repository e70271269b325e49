"""Loads a policy bundle: its YAML files, checked as a whole. A bundle with any problem does not load."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel

from core.canonical import digest
from core.errors import BundleInvalid, Problem
from policies.actions import ActionRules
from policies.compiled import Bundle, CompiledRule
from policies.condition import Compiler, Condition
from policies.document import Document
from policies.examples import try_examples, try_tests
from policies.guardrails.rules import Guardrails
from policies.invariants import Invariant, Invariants, read_invariants
from policies.masking.examples import try_masking_examples
from policies.masking.rules import MaskingRules
from policies.models import Models, check_cloud
from policies.network import Network
from policies.organization import Organization
from policies.reading import read_document
from policies.rule_checks import check_rules
from policies.sentences import check_model
from policies.source import BundleSource
from policies.suite import Suite
from policies.tool_names import check_network, check_rule_tools, check_sinks, check_test_tools
from policies.trial import Trial
from policies.vocabulary import ToolShape

__all__ = [
    "Bundle",
    "BundleInvalid",
    "BundleSource",
    "check_file",
    "default_bundle_path",
    "examine_bundle",
    "load_bundle",
    "try_bundle",
]

#: The files every bundle has.
FILES = ("organization.yaml", "masking.yaml", "actions.yaml", "guardrails.yaml")
#: Files a bundle may have as well; they are part of its hash.
OPTIONAL = ("invariants.yaml", "network.yaml", "models.yaml")
#: How the name of a file with tests ends; tests are no part of the hash.
TESTS = "_test.yaml"

#: Bundles that are kept as they were loaded: a process that starts, and a change on its way from review to live, ask
#: for the same few again and again.
KEPT = 8

#: What the content of each file must be.
_MODELS: Mapping[str, type[BaseModel]] = {
    "organization.yaml": Organization,
    "masking.yaml": MaskingRules,
    "actions.yaml": ActionRules,
    "guardrails.yaml": Guardrails,
    "invariants.yaml": Invariants,
    "network.yaml": Network,
    "models.yaml": Models,
}

#: Lets conditions compile although the organization does not.
_NOBODY = Organization(name="nobody", domains=["invalid.example"])


def default_bundle_path() -> Path:
    """The bundle that casemate ships: a start for a bank."""
    return Path(__file__).parent / "rulesets" / "default"


def load_bundle(source: Path | BundleSource, *, tools: Mapping[str, ToolShape] | None = None) -> Bundle:
    """Read, check and compile a bundle, and run its examples and tests. Without `tools` tool names are not checked.

    Examples and tests run as far as what they speak of is sound: a broken rule would fail them all. The same files,
    checked against the same tools under the same name, are the same bundle as before while it is still kept.

    Raises:
        BundleInvalid: with every problem of every file, each with its line and column.
    """
    if isinstance(source, Path):
        source = BundleSource.from_folder(source)
    shapes = tuple(tools.items()) if tools is not None else None
    return _loaded(source.name, tuple(source.files().items()), source.problems, shapes)


@lru_cache(maxsize=KEPT)
def _loaded(
    name: str,
    files: tuple[tuple[str, bytes], ...],
    unread: tuple[Problem, ...],
    shapes: tuple[tuple[str, ToolShape], ...] | None,
) -> Bundle:
    source = BundleSource(name=name, _files=dict(files), problems=unread)
    bundle, trials, problems = _tried(source, dict(shapes) if shapes is not None else None)
    problems += [trial.place for trial in trials if trial.failed]
    if bundle is None or problems:
        raise _invalid(problems)
    return bundle


def try_bundle(source: Path | BundleSource, *, tools: Mapping[str, ToolShape] | None = None) -> list[Trial]:
    """Every example and test of a bundle that is otherwise sound, and which of them fail.

    Raises:
        BundleInvalid: the bundle would not load even without them.
    """
    bundle, trials, problems = _tried(source, tools)
    if bundle is None or problems:
        raise _invalid(problems)
    return trials


def examine_bundle(
    source: BundleSource, *, tools: Mapping[str, ToolShape] | None = None
) -> tuple[Bundle | None, list[Trial], list[Problem]]:
    """All there is to say of a bundle, for somebody who is writing it: the bundle where every file of it is sound, its
    examples and tests, and every problem in the order of the files. A failing example is a problem too."""
    bundle, trials, problems = _tried(source, tools)
    return bundle, trials, _sorted([*problems, *(trial.place for trial in trials if trial.failed)])


def check_file(source: BundleSource, name: str) -> list[Problem]:
    """What is wrong in one file as far as it can be told without the others: its YAML and its keys."""
    if not _is_part(name):
        return [problem for problem in _names(source) if Path(problem.file).name == name]
    document = read_document(source.files()[name], file=f"{source.name}/{name}")
    check_model(document, Suite if name.endswith(TESTS) else _MODELS[name])
    return _sorted(document.problems)


def _tried(
    source: Path | BundleSource, tools: Mapping[str, ToolShape] | None
) -> tuple[Bundle | None, list[Trial], list[Problem]]:
    if isinstance(source, Path):
        source = BundleSource.from_folder(source)
    parts = _read(source, tools)
    problems = [*_names(source), *source.problems]
    problems += [problem for document in parts.documents.values() for problem in document.problems]
    return parts.bundle(source.name), list(parts.trials(source.name)), problems


def _invalid(problems: list[Problem]) -> BundleInvalid:
    return BundleInvalid(_sorted(problems))


def _sorted(problems: list[Problem]) -> list[Problem]:
    return sorted(set(problems), key=lambda p: (p.file, p.line, p.column, p.message))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Parts:
    """What became of each file; None where it is not sound."""

    documents: dict[str, Document]
    organization: Organization | None
    masking: MaskingRules | None
    actions: ActionRules | None
    guardrails: Guardrails | None
    #: Conditions by the number of their rule.
    conditions: dict[int, Condition]
    invariants: tuple[Invariant, ...]
    network: Network
    models: Models
    tests: dict[str, Suite]

    def bundle(self, name: str) -> Bundle | None:
        """The bundle, when every file of it is sound."""
        if self.organization is None or self.masking is None or self.actions is None or self.guardrails is None:
            return None
        if any(document.problems for document in self.documents.values()):
            return None
        return self._made(name, self.organization, self.actions, self.masking, self.guardrails)

    def trials(self, name: str) -> Iterator[Trial]:
        """Examples and tests, of what is sound enough: the rest of the bundle does not matter to them."""
        if self.organization is None:
            return
        guardrails = self.guardrails or Guardrails()
        actions = self.actions
        if actions is not None and all(
            number in self.conditions for number, rule in enumerate(actions.rules) if rule.when is not None
        ):
            bundle = self._made(name, self.organization, actions, self.masking or MaskingRules(), guardrails)
            yield from try_examples(bundle)
            yield from try_tests(bundle)
        if self.masking is not None:
            none = ActionRules.model_construct(rules=[])
            yield from try_masking_examples(self._made(name, self.organization, none, self.masking, guardrails))

    def _made(
        self,
        name: str,
        organization: Organization,
        actions: ActionRules,
        masking: MaskingRules,
        guardrails: Guardrails,
    ) -> Bundle:
        hashed = {file: document.data for file, document in self.documents.items() if not file.endswith(TESTS)}
        return Bundle(
            name=name,
            hash=digest(hashed),
            organization=organization,
            masking=masking,
            actions=actions,
            guardrails=guardrails,
            rules=tuple(
                CompiledRule(rule=rule, condition=self.conditions.get(number))
                for number, rule in enumerate(actions.rules)
            ),
            invariants=self.invariants,
            network=self.network,
            models=self.models,
            tests=self.tests,
            documents=self.documents,
        )


def _read(source: BundleSource, tools: Mapping[str, ToolShape] | None) -> _Parts:
    documents = {
        name: read_document(raw, file=f"{source.name}/{name}") for name, raw in source.files().items() if _is_part(name)
    }
    documents |= {name: Document(file=f"{source.name}/{name}", text="") for name in FILES if name not in documents}
    organization = check_model(documents["organization.yaml"], Organization)
    compiler = Compiler(organization or _NOBODY)
    conditions = check_rules(documents["actions.yaml"], compiler)
    invariants = documents.get("invariants.yaml")
    network = documents.get("network.yaml")
    models = documents.get("models.yaml")
    parts = _Parts(
        documents=documents,
        organization=organization,
        masking=check_model(documents["masking.yaml"], MaskingRules),
        actions=check_model(documents["actions.yaml"], ActionRules),
        guardrails=check_model(documents["guardrails.yaml"], Guardrails),
        conditions=conditions,
        invariants=read_invariants(invariants, compiler, tools) if invariants is not None else (),
        # Without the file, and with a broken one, nobody may ask anything outside.
        network=(check_model(network, Network) if network is not None else None) or Network(),
        # Without the file, and with a broken one, only endpoints of our own network may be used.
        models=(check_model(models, Models) if models is not None else None) or Models(),
        tests={
            name: suite
            for name, document in documents.items()
            if name.endswith(TESTS) and (suite := check_model(document, Suite)) is not None
        },
    )
    if models is not None and parts.masking is not None:
        check_cloud(models, parts.models, parts.masking)
    if tools is not None:
        check_rule_tools(documents["actions.yaml"], conditions, tools)
        check_sinks(documents["masking.yaml"], tools)
        if network is not None:
            check_network(network, tools)
        for name in parts.tests:
            check_test_tools(documents[name], tools)
    return parts


def _is_part(name: str) -> bool:
    return name in FILES or name in OPTIONAL or name.endswith(TESTS)


def _names(source: BundleSource) -> Iterator[Problem]:
    """Files that are missing, and files that are none of a bundle's: a misspelt one must not go unnoticed."""
    there = {*source.files(), *(Path(problem.file).name for problem in source.problems)}
    for name in FILES:
        if name not in there:
            message = "is missing; every bundle has it (copy the one of policies/rulesets/default)"
            yield Problem(file=f"{source.name}/{name}", line=1, column=1, message=message)
    for name in sorted(there):
        if not _is_part(name):
            known = (*FILES, *OPTIONAL)
            stems = {Path(file).stem: file for file in known}
            near = difflib.get_close_matches(Path(name).stem, stems, n=1, cutoff=0.7)
            hint = f"the files are {', '.join(known)} and those that end in {TESTS}"
            hint = f"did you mean `{stems[near[0]]}`?" if near else hint
            message = f"is not part of a bundle; {hint}"
            yield Problem(file=f"{source.name}/{name}", line=1, column=1, message=message)
