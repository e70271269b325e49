"""A bundle that was checked: the organization, the rules with their conditions compiled, and the bundle's hash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from policies.actions import ActionRules, Rule
from policies.condition import Condition
from policies.document import Document
from policies.guardrails.rules import Guardrails
from policies.invariants import Invariant
from policies.masking.rules import MaskingRules
from policies.models import Models
from policies.network import Network
from policies.organization import Organization
from policies.suite import Suite

if TYPE_CHECKING:
    from policies.plan import Plan


@dataclass(frozen=True, kw_only=True, slots=True)
class CompiledRule:
    """A rule and its condition, ready to evaluate; no condition always matches."""

    rule: Rule
    condition: Condition | None


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A checked policy. Safe to share between threads."""

    #: The folder it was read from, or what the store calls it.
    name: str
    #: SHA-256 over the canonical content of all files but the tests: comments and layout do not change it.
    hash: str
    organization: Organization
    masking: MaskingRules
    actions: ActionRules
    guardrails: Guardrails
    #: Rules in the order of the file.
    rules: tuple[CompiledRule, ...]
    #: What the policy must never answer; empty without `invariants.yaml`.
    invariants: tuple[Invariant, ...] = ()
    #: Which tool may ask what of the outside; nobody anything without `network.yaml`.
    network: Network = field(default_factory=Network)
    #: Which model endpoints may be used; without `models.yaml` those of our own network.
    models: Models = field(default_factory=Models)
    #: Tests by the name of their file.
    tests: Mapping[str, Suite] = field(default_factory=dict)
    #: The files as read, to name the place of a problem found later.
    documents: Mapping[str, Document] = field(repr=False)

    @property
    def files(self) -> dict[str, str]:
        """The text of every file by its name; `BundleSource.from_files` makes the same bundle of it."""
        return {name: document.text for name, document in self.documents.items()}

    def rules_for(self, tool: str) -> tuple[CompiledRule, ...]:
        """The rules that speak of a tool."""
        return self._by_tool.get(tool, ())

    @cached_property
    def plans(self) -> dict[str, Plan]:
        """What the engine made ready for each tool it was asked about; it fills this itself."""
        return {}

    @cached_property
    def _by_tool(self) -> dict[str, tuple[CompiledRule, ...]]:
        grouped: dict[str, list[CompiledRule]] = {}
        for compiled in self.rules:
            for tool in compiled.rule.tools:
                grouped.setdefault(tool, []).append(compiled)
        return {tool: tuple(found) for tool, found in grouped.items()}
