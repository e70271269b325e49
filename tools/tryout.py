"""One call of a reading tool by a person: what a call of a team passes, in the same order, but nothing is kept.

The gate does the same for teams and keeps evidence; a test holds the two to the same answers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from core.canonical import JsonObject
from core.clock import Clock
from core.decision import Decision, Outcome
from core.errors import ToolRefused
from core.evidence import Evidence
from core.store.engine import Store
from policies.compiled import Bundle
from policies.masking.session import MaskSession
from tools.broker.client import on_behalf
from tools.case import Case
from tools.checks import check_size
from tools.decision_log import timed
from tools.facts import build_facts, restored
from tools.fit import fit
from tools.inputs import prepare
from tools.registry import Registry, Tool
from tools.runner import Runner


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """What one call came to. The result is real, not masked."""

    tool: Tool
    arguments: JsonObject
    result: JsonObject
    decision: Decision
    tier: str
    milliseconds: int


@dataclass(frozen=True, kw_only=True)
class Tryout:
    """A ticket to try a tool on."""

    case: Case
    registry: Registry
    bundle: Bundle
    session: MaskSession
    runner: Runner
    store: Store
    clock: Clock
    #: What policy finds on the ticket. Without any, the ticket is read first, as it is before a team comes in.
    evidence: Sequence[Evidence] = ()

    async def call(self, name: str, arguments: JsonObject) -> Tried:
        """Parse the arguments, ask policy, restore tokens, run in the sandbox, check the result.

        Raises:
            NotFound: there is no such tool.
            ToolRefused: it acts, the arguments do not fit, policy does not allow it, or the tool refused.
            SandboxUnavailable: the sandbox itself did not start.
        """
        check_size(arguments)
        tool = self.registry.get(name)
        if tool.acts:
            raise ToolRefused(f"{name} acts, so it is never run: a team's call records a proposal for people.")
        checked = tool.checked(arguments)
        evidence = self.evidence or [await self._first_look()]
        return await self._run(tool, checked, evidence)

    def masked(self, tried: Tried) -> JsonObject:
        """Arguments and result as a model would see them."""
        shown: JsonObject = self.session.mask_json({"arguments": tried.arguments, **tried.result})
        return shown

    async def _first_look(self) -> Evidence:
        """What reading the ticket found, as the gate has it before a team comes in."""
        read = await self._run(self.registry.get("read_ticket"), {}, ())
        return Evidence(
            ticket_id=self.case.ticket_id,
            id="E1",
            tool=read.tool.name,
            agent="casemate",
            arguments={},
            trust=read.tool.trust,
            summary=read.result["summary"],
            facts=read.result["facts"],
            detail=read.result["detail"],
            error=None,
            sandbox=read.tier,
            duration_ms=read.milliseconds,
            digest="",
            created_at=self.clock.now(),
        )

    async def _run(self, tool: Tool, arguments: JsonObject, evidence: Sequence[Evidence]) -> Tried:
        decision = self._decide(tool.name, arguments, evidence)
        # As at the gate: an MCP server is a stranger, and gets what policy permits and nothing else.
        given = arguments if tool.mcp is None else self.session.mask_json(arguments, by_model=True)
        real = {name: restored(self.session, tool.name, name, value) for name, value in given.items()}
        started = time.monotonic()
        prepared = partial(prepare, tool, real, case=self.case, bundle=self.bundle, store=self.store)
        inputs = await asyncio.to_thread(prepared, mask=self.session.mask_json)
        behalf = on_behalf(self.case.ticket_id, self.bundle, self.session)
        result = await self.runner.run(tool, real, inputs, behalf=behalf)
        return Tried(
            tool=tool,
            arguments=real,
            result={**result, "detail": fit(result["detail"])},
            decision=decision,
            tier=self.runner.tier,
            milliseconds=round((time.monotonic() - started) * 1000),
        )

    def _decide(self, name: str, arguments: JsonObject, evidence: Sequence[Evidence]) -> Decision:
        facts = build_facts(
            case=self.case,
            bundle=self.bundle,
            registry=self.registry,
            session=self.session,
            tool=name,
            proposal_args=arguments,
            assessment=None,
            evidence=evidence,
            history_counts={},
            now=self.clock.now(),
        )
        decision, _ = timed(self.bundle, facts)
        if decision.outcome is not Outcome.ALLOW:
            raise ToolRefused(f"Policy does not allow {name} here: {decision.reason}")
        return decision
