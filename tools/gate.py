"""The gate: a team's only door to a tool, and the last line at which masked and real values meet.

Validate, ask policy, restore what the tool may have, run it in the sandbox (or record a proposal when it acts), mask
the result, keep it as evidence with its provenance and the decision that led to it, audit it. Nothing that goes wrong
here is raised into a framework.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from functools import partial

from core.action import VOID, Proposal, ProposalState
from core.assessment import Assessment
from core.audit import AuditEvent
from core.canonical import JsonObject, digest
from core.clock import Clock
from core.decision import Outcome
from core.decision_log import DecisionEntry
from core.errors import CasemateError, Duplicate, NotFound, ToolRefused, TriageError
from core.evidence import Evidence
from core.ids import new_id
from core.store.engine import Store
from policies.compiled import Bundle
from policies.guardrails.answer import check_reason
from policies.guardrails.triggered import Triggered
from policies.masking.session import MaskSession
from tools.arguments import NoArguments
from tools.binding import bind
from tools.broker.client import on_behalf
from tools.case import Case
from tools.checks import Grounds, check_size, parse
from tools.decision_log import DecisionLog, Denied, timed
from tools.facts import build_facts, restored
from tools.fit import fit
from tools.inputs import prepare
from tools.registry import PROPOSAL_PROPERTIES, Registry, Tool, ToolSpec
from tools.runner import Runner
from tools.steering import steers

#: Who calls when no agent does: the first look at the ticket. Does not count against a team's budget.
HOUSE = "casemate"
#: How the name of a caller begins who is a person or a key of the API, and no member of a team.
PERSON = "user:"
#: Characters of an error told to a model.
MAX_ERROR = 600
CASE_FILE = ToolSpec(
    name="case_file",
    description="The whole case so far: the ticket, all evidence, the latest assessment, what has been proposed.",
    parameters={"type": "object", "properties": {}, "required": [], "additionalProperties": False},
    acts=False,
)


class Gate:
    """One gate serves one run of one team on one ticket."""

    def __init__(
        self,
        *,
        case: Case,
        registry: Registry,
        bundle: Bundle,
        session: MaskSession,
        runner: Runner,
        store: Store,
        clock: Clock,
        max_calls: int = 60,
    ) -> None:
        self._case = case
        self._registry = registry
        self._bundle = bundle
        self._session = session
        self._runner = runner
        self._store = store
        self._clock = clock
        self._log = DecisionLog(session, case.ticket_id)
        self._calls_left = max_calls
        self._max_calls = max_calls
        self._evidence: list[Evidence] = []
        self._proposals: list[Proposal] = []
        self._draft: Assessment | None = None
        #: What the guardrails altered in the reasons of this run's proposals.
        self.altered: list[Triggered] = []
        #: Results of this and earlier runs by what was asked, so that a repeated call costs nothing.
        self._known: dict[str, Evidence] = {}
        self._numbering = asyncio.Lock()
        self._asking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    # --- what a team sees

    @property
    def evidence(self) -> list[Evidence]:
        return list(self._evidence)

    @property
    def proposals(self) -> list[Proposal]:
        return list(self._proposals)

    def evidence_ids(self) -> frozenset[str]:
        """Ids a finding may cite."""
        return frozenset(e.id for e in self._evidence)

    def specs(self, names: Iterable[str]) -> list[ToolSpec]:
        """The named tools as models see them. One that could only ask outside, and may not, is not offered.

        Raises:
            NotFound: a team spec names a tool that does not exist.
        """
        tools = [None if name == CASE_FILE.name else self._registry.get(name) for name in names]
        offered = [tool for tool in tools if tool is None or not tool.asks or self._bundle.network.permits(tool.name)]
        return [CASE_FILE if tool is None else tool.spec() for tool in offered]

    def note_assessment(self, draft: Assessment, *, agent: str) -> None:
        """Keep a valid draft, so that the next role finds it in the case file."""
        del agent
        self._draft = draft

    async def open(self) -> Evidence:
        """Take up what an earlier, broken run left, and read the ticket (E1).

        Raises:
            TriageError: policy does not let the ticket be read.
            Temporary: the database is away.
        """
        stored, proposals = await asyncio.to_thread(self._stored)
        self._evidence, self._proposals = stored, proposals
        # What failed is tried again; what worked is not.
        self._known = {_key(e.tool, e.arguments): e for e in stored if e.error is None}
        tool = self._registry.get("read_ticket")
        try:
            return await self._read(tool, {}, {}, agent=HOUSE)
        except ToolRefused as refused:
            await self._refused(tool.name, refused, HOUSE)
            raise TriageError(f"The ticket cannot be read: {refused}") from None

    async def call(self, name: str, arguments: JsonObject, *, agent: str) -> JsonObject:
        """Run a reading tool or record a proposal. Refusals come back as `{"error": …}`; only cancelling raises."""
        try:
            return await self._call(name, arguments, agent)
        except ToolRefused as refused:
            return await self._refused(name, refused, agent)
        except NotFound as unknown:
            return await self._refused(name, unknown, agent)
        except CasemateError as error:
            return {"error": (await self._masked_text(str(error)))[:MAX_ERROR]}
        except Exception as error:  # noqa: BLE001 - a framework that sees an exception here hangs for ever
            return {"error": f"The tool could not be used ({type(error).__name__}); go on without its result."}

    # --- one call

    async def _call(self, name: str, arguments: JsonObject, agent: str) -> JsonObject:
        if agent != HOUSE:
            if self._calls_left <= 0:
                raise ToolRefused(f"The budget of {self._max_calls} tool calls is spent; answer with what you have.")
            self._calls_left -= 1
        check_size(arguments)
        if name == CASE_FILE.name:
            parse(NoArguments, arguments)
            await asyncio.to_thread(self._note, await asyncio.to_thread(self._decide, name, {}, {}))
            return self._case_file()
        tool = self._registry.get(name)
        if tool.acts:
            return await self._propose(tool, arguments, agent)
        checked = tool.checked(arguments)
        masked = await asyncio.to_thread(partial(self._session.mask_json, checked, by_model=True))
        return (await self._read(tool, checked, masked, agent=agent)).as_json()

    async def _read(self, tool: Tool, arguments: JsonObject, masked: JsonObject, *, agent: str) -> Evidence:
        """Evidence for this question, from an earlier answer where there is one."""
        key = _key(tool.name, masked)
        async with self._asking[key]:
            if key not in self._known:
                self._known[key] = await self._ask(tool, arguments, masked, agent)
            return self._known[key]

    async def _ask(self, tool: Tool, arguments: JsonObject, masked: JsonObject, agent: str) -> Evidence:
        real, entry = await asyncio.to_thread(self._permitted, tool, arguments, masked)
        started = time.monotonic()
        error: str | None = None
        result: JsonObject = {"summary": "", "facts": {}, "detail": {}}
        try:
            inputs = await asyncio.to_thread(
                partial(prepare, mask=self._session.mask_json), tool, real,
                case=self._case, bundle=self._bundle, store=self._store,
            )  # fmt: skip
            behalf = on_behalf(self._case.ticket_id, self._bundle, self._session)
            result = await self._runner.run(tool, real, inputs, behalf=behalf)
        except CasemateError as failed:
            error = str(failed)[:MAX_ERROR]
        spent = round((time.monotonic() - started) * 1000)
        shown = await asyncio.to_thread(self._session.mask_json, {**result, "error": error})
        async with self._numbering:
            evidence = self._evidence_of(tool, masked, shown, agent, spent)
            try:
                await asyncio.to_thread(self._keep, evidence, entry)
            except Duplicate:  # a person looked something up meanwhile: its number is taken
                self._evidence, _ = await asyncio.to_thread(self._stored)
                evidence = self._evidence_of(tool, masked, shown, agent, spent)
                await asyncio.to_thread(self._keep, evidence, entry)
            self._evidence.append(evidence)
        return evidence

    def _permitted(self, tool: Tool, arguments: JsonObject, masked: JsonObject) -> tuple[JsonObject, DecisionEntry]:
        """Policy's leave, then the arguments with their tokens restored."""
        entry = self._decide(tool.name, arguments, masked)
        # To a stranger goes what policy permits and nothing else: an original that a model guessed is masked again.
        given = arguments if tool.mcp is None else masked
        return {name: restored(self._session, tool.name, name, value) for name, value in given.items()}, entry

    def _decide(self, name: str, arguments: JsonObject, masked: JsonObject) -> DecisionEntry:
        """Policy's leave, as the log will have it.

        Raises:
            Denied: policy does not give it, or a token was refused before policy could be asked.
        """
        try:
            facts = build_facts(
                case=self._case,
                bundle=self._bundle,
                registry=self._registry,
                session=self._session,
                tool=name,
                proposal_args=arguments,
                assessment=self._draft,
                evidence=self._evidence,
                history_counts={},
                now=self._clock.now(),
            )
        except ToolRefused as refused:
            raise self._denied(name, refused) from None
        decision, spent = timed(self._bundle, facts)
        shown = self._log.masked(facts, masked)
        entry = self._log.entry(door="tool", facts=facts, shown=shown, decision=decision, microseconds=spent)
        if decision.outcome is not Outcome.ALLOW:
            raise Denied(f"Policy does not allow {name} here: {decision.reason}", entry)
        return entry

    def _denied(self, tool: str, refused: ToolRefused) -> Denied:
        """A token's refusal together with its entry in the log."""
        reason = self._session.mask_text(str(refused))
        return Denied(str(refused), self._log.refusal(door="tool", tool=tool, reason=reason, bundle=self._bundle))

    def _evidence_of(self, tool: Tool, masked: JsonObject, shown: JsonObject, agent: str, spent: int) -> Evidence:
        body: JsonObject = {
            "tool": tool.name,
            "arguments": masked,
            "trust": tool.trust.value,
            "summary": shown["summary"],
            "facts": shown["facts"],
            "detail": fit(shown["detail"]),
            "error": shown["error"],
        }
        return Evidence(
            ticket_id=self._case.ticket_id,
            id=f"E{len(self._evidence) + 1}",
            tool=tool.name,
            agent=agent,
            arguments=masked,
            trust=tool.trust,
            summary=body["summary"],
            facts=body["facts"],
            detail=body["detail"],
            error=body["error"],
            sandbox=self._runner.tier,
            duration_ms=spent,
            digest=digest(body),
            created_at=self._clock.now(),
        )

    # --- proposals

    async def _propose(self, tool: Tool, arguments: JsonObject, agent: str) -> JsonObject:
        own = {name: value for name, value in arguments.items() if name not in PROPOSAL_PROPERTIES}
        grounds = parse(Grounds, {n: v for n, v in arguments.items() if n in PROPOSAL_PROPERTIES})
        checked = tool.checked(own)
        unknown = sorted(set(grounds.evidence) - self.evidence_ids())
        if unknown:
            known = ", ".join(sorted(self.evidence_ids(), key=lambda i: int(i[1:])))
            raise ToolRefused(f"{', '.join(unknown)[:100]} is no evidence of this ticket; cite some of {known}.")
        async with self._numbering:
            proposal, fresh = await asyncio.to_thread(self._record, tool, checked, grounds, agent)
            if fresh:
                self._proposals.append(proposal)
        return {
            "proposal": proposal.id,
            "status": "recorded" if fresh else "recorded before",
            "tool": tool.name,
            "arguments": proposal.arguments,
            "note": "Policy, and where it asks for them people, decide; nothing has been done yet.",
        }

    def _record(self, tool: Tool, arguments: JsonObject, grounds: Grounds, agent: str) -> tuple[Proposal, bool]:
        masked = self._checked_tokens(tool, arguments)
        for old in self._proposals:
            if old.tool == tool.name and old.arguments == masked and old.state not in VOID:
                return old, False
        reason, altered = check_reason(
            grounds.reason, tool=tool.name, rules=self._bundle.guardrails, session=self._session, steers=steers
        )
        now = self._clock.now()
        who = self._who(agent)
        proposal = Proposal(
            id=new_id("prp"),
            ticket_id=self._case.ticket_id,
            tool=tool.name,
            arguments=masked,
            reason=reason,
            evidence=tuple(dict.fromkeys(grounds.evidence)),
            proposed_by=who,
            state=ProposalState.PROPOSED,
            binding=bind(
                tool=tool.name,
                arguments=masked,
                cited=grounds.evidence,
                evidence=self._evidence,
                registry=self._registry,
                bundle=self._bundle,
                session=self._session,
                sandbox=self._runner.tier,
            ),
            decision=None,
            provenance={},
            replaces=None,
            expires_at=None,
            created_at=now,
            updated_at=now,
        )
        data: JsonObject = {"proposal": proposal.id, "tool": tool.name, "digest": proposal.digest,
                            "guardrails": [found.as_json() for found in altered]}  # fmt: skip
        with self._store.begin() as tx:
            tx.proposals.add(proposal, self._event("proposal.recorded", who, data))
        self.altered.extend(altered)
        return proposal, True

    def _checked_tokens(self, tool: Tool, arguments: JsonObject) -> JsonObject:
        """The arguments masked, with every token in them one that the tool may have.

        Raises:
            Denied: a token is not this ticket's, or policy does not permit it in that argument.
        """
        try:
            # Before masking, which turns a forged token into plain text, and after it, as the executor will.
            for name, value in arguments.items():
                restored(self._session, tool.name, name, value)
            masked: JsonObject = self._session.mask_json(arguments, by_model=True)
            for name, value in masked.items():
                restored(self._session, tool.name, name, value)
        except ToolRefused as refused:
            raise self._denied(tool.name, refused) from None
        return masked

    # --- the store and the case file

    def _stored(self) -> tuple[list[Evidence], list[Proposal]]:
        with self._store.read() as tx:
            evidence, proposals = tx.evidence.of(self._case.ticket_id), tx.proposals.of(self._case.ticket_id)
        self._session.note_shown([self._case.masked.as_json(), *(e.as_json() for e in evidence)])
        return evidence, proposals

    def _keep(self, evidence: Evidence, entry: DecisionEntry) -> None:
        data: JsonObject = {"evidence": evidence.id, "tool": evidence.tool, "digest": evidence.digest,
                            "trust": evidence.trust.value, "worked": evidence.error is None,
                            "decision": entry.id}  # fmt: skip
        with self._store.begin() as tx:
            tx.decisions.add(entry)
            tx.evidence.add(evidence, self._event("evidence.recorded", self._who(evidence.agent), data))

    def _note(self, entry: DecisionEntry) -> None:
        """Log a decision that leads to nothing the store keeps."""
        with self._store.begin() as tx:
            tx.decisions.add(entry)

    async def _refused(self, tool: str, why: CasemateError, agent: str) -> JsonObject:
        """Tell the model, and leave a trace of the attempt (the tool's name only: arguments may hold anything)."""
        known = tool if tool in self._registry.names() else "unknown"
        entry = why.entry if isinstance(why, Denied) else None

        def trace() -> None:
            with self._store.begin() as tx:
                data: JsonObject = {"tool": known}
                if entry is not None:
                    tx.decisions.add(entry)
                    data["decision"] = entry.id
                tx.audit.take(self._event("tool.refused", self._who(agent), data))

        with suppress(CasemateError):
            await asyncio.to_thread(trace)
        return {"error": (await self._masked_text(str(why)))[:MAX_ERROR]}

    async def _masked_text(self, text: str) -> str:
        return await asyncio.to_thread(self._session.mask_text, text)

    def _event(self, action: str, actor: str, data: JsonObject) -> AuditEvent:
        return AuditEvent(action=action, actor=actor, ticket_id=self._case.ticket_id, data=data)

    def _who(self, agent: str) -> str:
        if agent == HOUSE or agent.startswith(PERSON):
            return agent
        return f"team:{self._case.team}/{agent}"

    def _case_file(self) -> JsonObject:
        return {
            "ticket": self._case.masked.as_json(),
            "evidence": [e.as_json() for e in self._evidence],
            "assessment": self._draft.model_dump(mode="json") if self._draft else None,
            "proposals": [
                {"proposal": p.id, "tool": p.tool, "arguments": p.arguments, "reason": p.reason, "state": p.state.value}
                for p in self._proposals
            ],
        }


def _key(tool: str, arguments: JsonObject) -> str:
    return digest({"tool": tool, "arguments": arguments})
