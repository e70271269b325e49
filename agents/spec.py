"""Team specs: which roles, tools, playbook and budget work on which ticket kinds. YAML in `agents/teams/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from agents.playbook import document
from core.errors import BundleInvalid, Problem

TEAMS = Path(__file__).parent / "teams"

#: The built-in tool that shows a role everything the team knows so far.
CASE_FILE = "case_file"

#: The tool that runs code a role writes.
RUN_PYTHON = "run_python"
#: What the speaker is called that runs a role's code: the role's name and this.
CODE = "_code"

#: Names that speakers other than roles have in a run.
RESERVED = frozenset({"user", "checker", "casemate", "system", "model"})

Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class RoleSpec(document.Document):
    """One member of a team."""

    name: Slug
    #: A file of `agents/prompts/`, without `.md`.
    prompt: Slug
    tools: Annotated[list[Slug], Field(min_length=1, max_length=40)]
    #: `assessment`: must answer with one. `actions`: proposes through acting tools, then says one line.
    answers: Literal["assessment", "actions"]
    #: Blocks of Python in its answers are run as its own calls of `run_python`, and it is told what they came to.
    code_blocks: bool = False


class Budget(document.Document):
    """What one ticket may cost; whichever ends first ends the run."""

    model_requests: Annotated[int, Field(ge=1, le=500)]
    tool_calls: Annotated[int, Field(ge=1, le=500)]
    seconds: Annotated[float, Field(gt=0, le=3600, strict=False)]


class TeamSpec(document.Document):
    """One team, as its YAML file says it."""

    name: Slug
    kinds: Annotated[list[Slug], Field(max_length=20)]
    framework: Literal["autogen", "adk"]
    playbook: Slug
    #: In speaking order; the last one to answer `assessment` has the last word on the verdict.
    roles: Annotated[list[RoleSpec], Field(min_length=1, max_length=8)]
    budget: Budget
    #: How often one role is told what is wrong with its answer before the team counts as undecided.
    retries: Annotated[int, Field(ge=0, le=5)] = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Teams:
    """Every team, by the ticket kind it takes."""

    by_name: Mapping[str, TeamSpec]
    by_kind: Mapping[str, TeamSpec]

    def for_kind(self, kind: str) -> TeamSpec:
        """The team for `kind`; the default team takes what nobody else does."""
        return self.by_kind.get(kind, self.by_name["default"])


def load_teams(directory: Path = TEAMS) -> Teams:
    """Read every team file.

    Raises:
        BundleInvalid: with the problems of all files at once.
    """
    problems: list[Problem] = []
    by_name: dict[str, TeamSpec] = {}
    by_kind: dict[str, TeamSpec] = {}
    for path in sorted(directory.glob("*.yaml")):
        try:
            spec = document.read(path, TeamSpec)
        except BundleInvalid as error:
            problems += error.problems
            continue
        problems += [document.problem(path, message) for message in _mistakes(spec, path)]
        for kind in spec.kinds:
            if kind in by_kind:
                problems.append(document.problem(path, f"kind `{kind}` already belongs to team `{by_kind[kind].name}`"))
            by_kind[kind] = spec
        by_name[spec.name] = spec
    if "default" not in by_name:
        problems.append(document.problem(directory, "no team is named `default`; add default.yaml"))
    if problems:
        raise BundleInvalid(problems)
    return Teams(by_name=by_name, by_kind=by_kind)


@lru_cache(maxsize=1)
def shipped_teams() -> Teams:
    """The teams in this package, read once."""
    return load_teams()


def _mistakes(spec: TeamSpec, path: Path) -> list[str]:
    found = []
    if spec.name != path.stem:
        found.append(f"name: is `{spec.name}` but the file is `{path.name}`; make them equal")
    names = [role.name for role in spec.roles]
    if len(set(names)) != len(names):
        found.append("roles: two roles share a name; give each its own")
    found += [
        f"roles: `{n}` is a name the frameworks keep for themselves; choose another" for n in names if n in RESERVED
    ]
    found += [
        f"roles: `{role.name}` has code_blocks but not the tool `{RUN_PYTHON}`; add it or leave code_blocks out"
        for role in spec.roles
        if role.code_blocks and RUN_PYTHON not in role.tools
    ]
    found += [
        f"roles: `{name}{CODE}` is what the code of `{name}` speaks as; choose another name"
        for name in names
        if name + CODE in names
    ]
    if not any(role.answers == "assessment" for role in spec.roles):
        found.append("roles: nobody answers `assessment`; one role must give the verdict")
    found += [
        f"roles: `{role.name}` has no prompt file prompts/{role.prompt}.md; write it or name another"
        for role in spec.roles
        if not (Path(__file__).parent / "prompts" / f"{role.prompt}.md").is_file()
    ]
    return found
