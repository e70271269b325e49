"""`invariants.yaml`: what the policy must never answer, however its rules change; `policies.prove` shows it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, assert_never

from pydantic import Field, field_validator

from core.decision import Decision, Outcome
from core.errors import BundleInvalid, Problem
from core.mcp import is_external
from core.ticket import Strict
from policies.actions import Name
from policies.atoms import Comparison, Membership, atoms
from policies.condition import Compiler, Condition, ConditionInvalid
from policies.document import Document, nearest
from policies.document import Path as Path_
from policies.organization import Organization
from policies.reading import read_document
from policies.sentences import check_model
from policies.vocabulary import BUILT_IN, ToolShape

_CLAIM = re.compile(
    r"\s*(?:(?P<word>allow(?!\s+(?:or|with)\b)|ask|deny)|(?P<permit>allow\s+or\s+ask)"
    r"|approvals\s*<\s*(?P<approvals>[1-9][0-9]?)"
    r"|(?P<unasked>allow\s+with\s+)?lease\s*>\s*(?P<count>[1-9][0-9]{0,5})(?P<unit>[smhd]))\s*(?:\Z|when\s+(?=\S))",
    re.ASCII,
)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_HOW = (
    "should begin with `allow`, `ask`, `deny`, `allow or ask`, `approvals < 2`, `lease > 8h` or "
    "`allow with lease > 8h`, then `when` and a condition, such as "
    '`allow when tool == "isolate_host" && asset.tier == 0`'
)

#: `permit` is any answer but deny, `unasked_lease` a lease without a question.
Kind = Literal["allow", "ask", "deny", "permit", "approvals", "lease", "unasked_lease"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """An answer that must never be given."""

    kind: Kind
    #: Approvals for `approvals`, seconds for leases.
    bound: int = 0

    def covers(self, decision: Decision) -> bool:
        """Whether a decision is the answer that must never be given."""
        stays = decision.lease_seconds == 0 or decision.lease_seconds > self.bound
        match self.kind:
            case "allow" | "ask" | "deny":
                return decision.outcome.value == self.kind
            case "permit":
                return decision.outcome is not Outcome.DENY
            case "approvals":
                return decision.outcome is not Outcome.DENY and decision.approvals < self.bound
            case "lease":
                return decision.outcome is not Outcome.DENY and stays
            case "unasked_lease":
                return decision.outcome is Outcome.ALLOW and stays
            case _:
                assert_never(self.kind)

    @property
    def loosens(self) -> bool:
        """Whether no stricter answer is covered when a looser one is not."""
        return self.kind not in ("ask", "deny")

    def implies(self, other: Claim) -> bool:
        """Whether every answer this covers is certainly covered by the other too."""
        if self == other or (other.kind == "permit" and self.kind != "deny"):
            return True
        match self.kind, other.kind:
            case ("lease", "lease") | ("unasked_lease", "lease" | "unasked_lease"):
                return self.bound >= other.bound
            case "unasked_lease", "allow":
                return True
            case "allow" | "unasked_lease", "approvals":
                return True
            case "approvals", "approvals":
                return self.bound <= other.bound
            case "approvals", "allow":
                return self.bound == 1
            case _:
                return False

    def __str__(self) -> str:
        match self.kind:
            case "permit":
                return "allow or ask"
            case "approvals":
                return f"approvals < {self.bound}"
            case "lease" | "unasked_lease":
                unit = next(unit for unit in "dhms" if self.bound % _UNITS[unit] == 0)
                words = "lease" if self.kind == "lease" else "allow with lease"
                return f"{words} > {self.bound // _UNITS[unit]}{unit}"
            case _:
                return self.kind


@dataclass(frozen=True, kw_only=True, slots=True)
class Invariant:
    """Something the policy must never answer, ready to prove."""

    id: str
    claim: Claim
    #: When it must not; None: never at all.
    condition: Condition | None
    reason: str
    #: Where it stands: file, line and column from 1; an empty message.
    place: Problem

    @property
    def never(self) -> str:
        """As it is written: `allow when asset.tier == 0`."""
        return f"{self.claim} when {' '.join(self.condition.source.split())}" if self.condition else str(self.claim)


def parse_claim(text: str) -> tuple[Claim, int | None]:
    """The claim of `CLAIM when CONDITION`, and where the condition starts; None when there is none.

    Raises:
        ValueError: it is not written like that.
    """
    match = _CLAIM.match(text)
    if match is None:
        raise ValueError(_HOW)
    start = match.end() if match.end() < len(text) else None
    if match["approvals"]:
        return Claim(kind="approvals", bound=int(match["approvals"])), start
    if match["count"]:
        kind: Kind = "unasked_lease" if match["unasked"] else "lease"
        return Claim(kind=kind, bound=int(match["count"]) * _UNITS[match["unit"]]), start
    if match["permit"]:
        return Claim(kind="permit"), start
    words: dict[str, Kind] = {"allow": "allow", "ask": "ask", "deny": "deny"}
    return Claim(kind=words[match["word"]]), start


class InvariantRow(Strict):
    """One invariant as written."""

    id: Name
    #: `CLAIM when CONDITION`.
    never: Annotated[str, Field(max_length=4_100)]
    reason: Annotated[str, Field(max_length=500)] = ""

    @field_validator("never")
    @classmethod
    def _has_a_claim(cls, never: str) -> str:
        parse_claim(never)
        return never


class Invariants(Strict):
    """Everything in `invariants.yaml`."""

    invariants: list[InvariantRow] = Field(default_factory=list)


def read_invariants(
    document: Document, compiler: Compiler, tools: Mapping[str, ToolShape] | None = None
) -> tuple[Invariant, ...]:
    """The invariants of a parsed file; what is wrong is added to its problems. `tools` lets tool names be checked."""
    check_model(document, Invariants)
    rows = document.data.get("invariants") if isinstance(document.data, dict) else None
    found: list[Invariant] = []
    seen: set[str] = set()
    for number, row in enumerate(rows if isinstance(rows, list) else []):
        if not isinstance(row, dict):
            continue
        path = ("invariants", number)
        name = str(row.get("id"))
        if name in seen and "id" in row:
            message = f"invariant id `{name}` appears twice; give each invariant its own"
            document.problems.append(document.problem((*path, "id"), message))
        seen.add(name)
        if not isinstance(row.get("never"), str):
            continue
        try:
            claim, start = parse_claim(row["never"])
        except ValueError:
            continue  # The model has said so.
        condition = _condition(document, (*path, "never"), start, compiler, tools)
        if start is None or condition is not None:
            place = document.problem((*path, "never"), "")
            reason = str(row.get("reason", ""))
            found.append(Invariant(id=name, claim=claim, condition=condition, reason=reason, place=place))
    return tuple(found)


def load_invariants(
    path: Path, organization: Organization, tools: Mapping[str, ToolShape] | None = None
) -> tuple[Invariant, ...]:
    """The invariants of a file outside a bundle, for the organization of one.

    Raises:
        BundleInvalid: with every problem and its place.
    """
    document = read_document(path.read_bytes(), file=str(path))
    found = read_invariants(document, Compiler(organization), tools)
    if document.problems:
        raise BundleInvalid(document.problems)
    return found


def _condition(
    document: Document, path: Path_, start: int | None, compiler: Compiler, tools: Mapping[str, ToolShape] | None
) -> Condition | None:
    if start is None:
        return None
    try:
        condition = compiler.compile(str(document.value_at(path))[start:])
    except ConditionInvalid as error:
        for flaw in error.flaws:
            document.problems.append(document.problem_inside(path, start + flaw.offset, flaw.message))
        return None
    if tools is not None:
        known = {**BUILT_IN, **tools}
        for offset, message in (*_unknown_tools(condition, known), *_unknown_arguments(condition, known)):
            document.problems.append(document.problem_inside(path, start + offset, message))
    return condition


def _unknown_tools(condition: Condition, tools: Mapping[str, ToolShape]) -> list[tuple[int, str]]:
    problems = []
    for atom in atoms(condition.root):
        match atom.form:
            case Comparison(fact="tool", literal=literal):
                words: tuple[object, ...] = (literal,)
            case Membership(fact="tool", values=values):
                words = values
            case _:
                continue
        for word in words:
            if word not in tools and not is_external(str(word)):
                hint = nearest(str(word), tools) or f"tools are {', '.join(sorted(tools))}"
                problems.append((atom.offset, f"no tool is called `{word}`; {hint}"))
    return problems


def _unknown_arguments(condition: Condition, tools: Mapping[str, ToolShape]) -> list[tuple[int, str]]:
    known = sorted({argument for shape in tools.values() for argument in shape.arguments})
    problems = []
    for name in sorted(condition.arguments - set(known)):
        first = min(a.offset for a in atoms(condition.root) if any(r.startswith(f"args.{name}.") for r in a.reads))
        hint = nearest(name, known) or f"arguments are {', '.join(known)}"
        problems.append((first, f"no tool has an argument `{name}`; {hint}"))
    return problems
