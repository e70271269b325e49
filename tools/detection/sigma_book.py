"""Sigma rules, read once outside the sandbox into plain data that `match_sigma` evaluates inside.

pySigma knows the language (modifiers, wildcards, conditions); what it understood is written down as nested lists:

    ["and", [node…]]  ["or", [node…]]  ["not", node]  ["field", name, test]  ["any", test]

A test is `["is"|"contains"|"starts"|"ends", text]` without regard to case (the same with `="` after it: with regard to
it), `["regex", pattern]` in RE2's language, `["number", n]`, `["bool", b]`, `["null"]`, `["exists", b]`,
`["network", cidr]`, `["compare", "<"…, n]`, `["same", field, starts, ends]` or `["part", "hour"…, n]`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.canonical import Json, JsonObject
from tools.detection.folders import Problem, RuleFile, read_rules
from tools.detection.sigma_tree import NotSupported, tree

if TYPE_CHECKING:
    from sigma.rule import SigmaRule

#: Rules that their authors have taken back.
RETIRED = frozenset({"deprecated", "unsupported"})
#: Which key of a rule an error is about, by the name of pySigma's exception.
PLACES = {
    "SigmaLogsourceError": "logsource",
    "SigmaDetectionError": "detection",
    "SigmaConditionError": "detection",
    "SigmaModifierError": "detection",
    "SigmaTypeError": "detection",
    "SigmaValueError": "detection",
    "SigmaRegularExpressionError": "detection",
    "SigmaLevelError": "level",
    "SigmaStatusError": "status",
    "SigmaIdentifierError": "id",
    "SigmaDateError": "date",
    "SigmaTagError": "tags",
}
#: Characters of a description that goes along with a rule.
MAX_DESCRIPTION = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class SigmaBook:
    """All rules that can be evaluated, and what became of the others."""

    rules: tuple[JsonObject, ...]
    files: int
    problems: tuple[Problem, ...]

    def given(self) -> JsonObject:
        """What `match_sigma` is handed."""
        return {"rules": list(self.rules), "problems": [problem.as_json() for problem in self.problems]}


def read_book(files: Iterable[RuleFile]) -> SigmaBook:
    """Read every file; a rule that cannot be evaluated is named and left out."""
    rules: list[JsonObject] = []
    problems: list[Problem] = []
    count = 0
    for file in files:
        count += 1
        text = read_rules(file)
        if isinstance(text, Problem):
            problems.append(text)
            continue
        for found in _read(file, text):
            (problems if isinstance(found, Problem) else rules).append(found)  # type: ignore[arg-type]
    return SigmaBook(rules=tuple(rules), files=count, problems=tuple(problems))


def _read(file: RuleFile, text: str) -> Iterable[JsonObject | Problem]:
    import yaml
    from sigma.collection import SigmaCollection

    # The loader written in C is ten times faster; rules need nothing that it lacks.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        nodes = list(yaml.compose_all(text, Loader=loader))
        documents = [document for document in yaml.load_all(text, Loader=loader) if document is not None]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or "it is not YAML"
        yield Problem(file=file.name, line=mark.line + 1 if mark else 1, message=f"{what}.")
        return
    nodes = [node for node in nodes if node is not None and node.tag != "tag:yaml.org,2002:null"]
    if any(isinstance(document, dict) and "action" in document for document in documents):
        groups = [(documents, nodes[0])]
    else:
        groups = [([document], node) for document, node in zip(documents, nodes, strict=True)]
    for group, node in groups:
        if not all(isinstance(document, dict) for document in group):
            yield _problem(file, node, "a rule is a mapping with title, logsource and detection")
            continue
        try:
            collection = SigmaCollection.from_dicts(
                group, collect_errors=True, collect_filters=True, resolve_references=False
            )
        except Exception as error:  # noqa: BLE001 - pySigma meets a shape it did not expect
            yield _problem(file, node, str(error) or type(error).__name__)
            continue
        for rule in [*collection.rules, *collection.filters]:
            yield from _of(rule, file, node)


def _of(rule: Any, file: RuleFile, node: Any) -> Iterable[JsonObject | Problem]:
    from sigma.exceptions import SigmaError
    from sigma.rule import SigmaRule

    name = str(rule.title or "a rule without a title")
    if rule.errors:
        # Rules of others name tags and states of later specifications; that keeps no rule from being evaluated.
        worst = [error for error in rule.errors if PLACES.get(type(error).__name__, "") in {"detection", "logsource"}]
        if worst or not hasattr(rule, "detection"):
            error = (worst or rule.errors)[0]
            yield _problem(file, node, f"{name}: {error}", type(error).__name__)
            return
    if not isinstance(rule, SigmaRule):
        kind = type(rule).__name__.removeprefix("Sigma").removesuffix("Rule").lower()
        yield _problem(file, node, f"{name}: a {kind} rule joins several events, which is not supported")
        return
    if str(rule.status).lower() in RETIRED:
        return
    try:
        yield _plain(rule, file)
    except NotSupported as error:
        yield _problem(file, node, f"{name}: {error}", "SigmaDetectionError")
    except SigmaError as error:
        yield _problem(file, node, f"{name}: {error}", type(error).__name__)


def _plain(rule: SigmaRule, file: RuleFile) -> JsonObject:
    conditions = [tree(condition.parsed) for condition in rule.detection.parsed_condition]
    when: Json = conditions[0] if len(conditions) == 1 else ["or", conditions]
    source = rule.logsource
    return {
        "id": str(rule.id or ""),
        "title": str(rule.title or ""),
        "level": str(rule.level or "informational").lower(),
        "status": str(rule.status or "").lower(),
        "author": str(rule.author or ""),
        "description": str(rule.description or "").strip()[:MAX_DESCRIPTION],
        "tags": [str(tag) for tag in rule.tags],
        "false_positives": [str(item) for item in rule.falsepositives][:5],
        "file": file.name,
        "logsource": {
            name: value.strip().lower()
            for name, value in (("product", source.product), ("category", source.category), ("service", source.service))
            if value
        },
        "when": when,
    }


def _problem(file: RuleFile, node: Any, message: str, error: str = "") -> Problem:
    """With the line of the key that the error is about, or of the rule's first line."""
    line, wanted = node.start_mark.line, PLACES.get(error)
    for key, _ in node.value if node.id == "mapping" else ():
        if key.value == wanted:
            line = key.start_mark.line
    sentence = " ".join(message.split())[:300].rstrip(".")
    return Problem(file=file.name, line=line + 1, message=f"{sentence}.")
