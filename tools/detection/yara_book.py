"""YARA rules, compiled once outside the sandbox: inside, only what is compiled is loaded and run."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.canonical import JsonObject
from core.errors import TriageError
from tools.detection.folders import Problem, RuleFile, read_rules

if TYPE_CHECKING:
    import yara_x

#: Modules that need what only a service outside could tell; a rule that uses one is left out.
OUTSIDE_MODULES = ("cuckoo", "vt")
#: Variables that public rule sets expect a scanner to define. The name and its ending are set for every file.
GLOBALS = {"filename": "", "filepath": "", "extension": "", "filetype": "", "owner": ""}
#: Bytes of all rules compiled; base64 of it goes into every request beside the file.
MAX_COMPILED = 24 * 1024**2
RULE = re.compile(r"^\s*(?:(?:private|global)\s+)*rule\s+(\w+)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class YaraBook:
    """All rules that compile, and what became of the others."""

    compiled: bytes
    rules: int
    files: int
    problems: tuple[Problem, ...]

    def given(self) -> JsonObject:
        """What `scan_yara` is handed."""
        return {
            "compiled_base64": base64.b64encode(self.compiled).decode("ascii"),
            "rules": self.rules,
            "problems": [problem.as_json() for problem in self.problems],
        }


def compile_rules(files: Iterable[RuleFile]) -> YaraBook:
    """Compile every file, each a namespace of its own so that two rules may share a name.

    Raises:
        TriageError: the rules are too many to be handed to a sandbox.
    """
    import yara_x

    compiler = yara_x.Compiler(relaxed_re_syntax=True, includes_enabled=False)
    compiler.ignore_invalid_rules(yes=True)
    for module in OUTSIDE_MODULES:
        compiler.ignore_module(module)
    for name, value in GLOBALS.items():
        compiler.define_global(name, value)
    problems: list[Problem] = []
    count = 0
    for file in files:
        count += 1
        text = read_rules(file)
        if isinstance(text, Problem):
            problems.append(text)
        else:
            problems += _add(compiler, file, text)
    rules = compiler.build()
    buffer = io.BytesIO()
    rules.serialize_into(buffer)
    if len(buffer.getvalue()) > MAX_COMPILED:
        raise TriageError(
            f"The YARA rules compile to more than {MAX_COMPILED // 1024**2} MiB: leave some out of CASEMATE_YARA_RULES."
        )
    return YaraBook(compiled=buffer.getvalue(), rules=sum(1 for _ in rules), files=count, problems=tuple(problems))


def _add(compiler: yara_x.Compiler, file: RuleFile, text: str) -> list[Problem]:
    import yara_x

    before, ignored = len(_errors(compiler)), len(_ignored(compiler))
    compiler.new_namespace(file.name)
    try:
        compiler.add_source(text, origin=file.name)
    except yara_x.CompileError as error:
        if len(_errors(compiler)) == before:
            return [Problem(file=file.name, line=1, message=str(error).splitlines()[0])]
    found = [_problem(file, error) for error in _errors(compiler)[before:]]
    told = bool(found)
    lines = {match.group(1): text.count("\n", 0, match.start(1)) + 1 for match in RULE.finditer(text)}
    for rule in _ignored(compiler)[ignored:]:
        # A rule with an error of its own is told already, with a better line.
        if not told or rule.reason != yara_x.IgnoredRuleReason.CompileError:
            message = f"rule {rule.name} is left out: {rule.message}."
            found.append(Problem(file=file.name, line=lines.get(rule.name, 1), message=message))
    return found


def _errors(compiler: yara_x.Compiler) -> list[dict[str, Any]]:
    return list(compiler.errors())


def _ignored(compiler: Any) -> list[Any]:
    # Untyped, because the package's own types are wrong about this method and what it gives.
    return list(compiler.ignored_rules())


def _problem(file: RuleFile, error: dict[str, Any]) -> Problem:
    label = next((text for item in error.get("labels", []) if (text := item.get("text"))), "")
    message = ": ".join(part for part in (str(error.get("title", "")), str(label)) if part)
    return Problem(file=file.name, line=int(error.get("line", 1)), message=f"{message}.")
