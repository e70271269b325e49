"""The room: a team works the masked ticket through the gate and comes back with an assessment."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

from core.audit import AuditEvent
from core.canonical import JsonObject
from core.errors import ModelUnavailable, TriageError
from core.ids import new_id
from core.store.assessments import Run
from core.ticket import Lease, TicketState
from workflows.casework import open_case
from workflows.services import Services

if TYPE_CHECKING:
    from agents.model import ModelClients
    from agents.spec import TeamSpec
    from agents.team import TeamResult, Turn
    from policies.compiled import Bundle
    from policies.guardrails.answer import Checked
    from policies.masking.session import MaskSession
    from tools.case import Case
    from tools.gate import Gate
    from tools.registry import Registry

#: Seconds a run may take beyond its team's own budget before it is cut off.
GRACE_SECONDS = 60


def begin(services: Services, lease: Lease) -> TicketState:
    """masked → investigating."""
    with services.store.begin() as tx:
        tx.operations.check_not_halted()
        tx.tickets.move(
            lease,
            TicketState.INVESTIGATING,
            audit=AuditEvent(action="ticket.investigating", actor=services.owner),
        )
    return TicketState.INVESTIGATING


def run(services: Services, lease: Lease) -> TicketState:
    """investigating → decided. Safe to repeat: evidence and proposals of a broken run are used again.

    So an endpoint that goes down in the middle of a run costs time only: the next of the chain begins again, with a
    whole budget of its own.
    """
    from agents.offered import with_mcp

    bundle = services.bundle()  # for the whole run, whatever goes live meanwhile
    case, session = open_case(services, lease.ticket_id, bundle)
    registry = services.registry.snapshot()
    ruled = {tool for rule in bundle.actions.rules for tool in rule.tools}
    spec = with_mcp(services.teams.for_kind(case.kind), registry.all(), ruled=ruled)

    def attempt(clients: ModelClients) -> tuple[TeamResult, Gate, float]:
        gate = _gate(services, spec, case, session, bundle, registry)
        started = time.monotonic()
        result = _work(services, spec, case, session, gate, clients=clients, registry=registry)
        return result, gate, round(time.monotonic() - started, 3)

    answered = services.models.run(attempt)
    result, gate, seconds = answered.result
    result = _hidden(result, session)
    checked = _checked(result, gate, bundle, session)
    finished = Run(
        id=new_id("run"),
        ticket_id=case.ticket_id,
        framework=result.framework,
        team=spec.name,
        model=answered.endpoint.name,
        bundle_hash=bundle.hash,
        assessment=checked.assessment,
        note=" ".join([*answered.passed, *filter(None, [result.note])]) or None,
        guardrails=tuple(found.as_json() for found in checked.triggered),
        model_requests=result.model_requests,
        tokens_in=result.tokens_in,
        tokens_out=result.tokens_out,
        seconds=seconds,
    )
    _keep(services, lease, finished, result)
    return TicketState.DECIDED


def _gate(  # noqa: PLR0917 - everything a run stands on
    services: Services, spec: TeamSpec, case: Case, session: MaskSession, bundle: Bundle, registry: Registry
) -> Gate:
    """A gate for one run of the team: it takes up what the runs before it left in the store."""
    from tools.gate import Gate

    return Gate(
        case=case,
        registry=registry,
        bundle=bundle,
        session=session,
        runner=services.runner(),
        store=services.store,
        clock=services.clock,
        max_calls=spec.budget.tool_calls,
    )


def _work(
    services: Services,
    spec: TeamSpec,
    case: Case,
    session: MaskSession,
    gate: Gate,
    *,
    clients: ModelClients,
    registry: Registry,
) -> TeamResult:
    from agents.build import build_team
    from agents.model import guarded
    from agents.offered import texts_of
    from agents.team import Brief
    from policies.masking.egress import EgressGuard

    team = build_team(spec, case.framework, clients)

    async def work() -> TeamResult:
        first = await gate.open()
        if first.error is not None:
            raise TriageError(f"The ticket could not be read in the sandbox: {first.error}")
        indicators = await gate.call("extract_indicators", {"text": ""}, agent="casemate")
        _remember(services, case.ticket_id, indicators)
        brief = Brief(
            ticket_id=case.ticket_id, kind=case.kind, ticket=case.masked.as_json(), first_evidence=first.as_json()
        )
        with guarded(EgressGuard(session, static=(*team.static_texts, *texts_of(registry.all())))):
            return await team.run(brief, gate)

    try:
        return services.wait_for(work(), seconds=spec.budget.seconds + GRACE_SECONDS)
    except TimeoutError:
        raise ModelUnavailable(
            f"Team {spec.name} did not finish in {spec.budget.seconds} seconds: check the model endpoint's speed, "
            "or give the team a larger budget."
        ) from None


def _checked(result: TeamResult, gate: Gate, bundle: Bundle, session: MaskSession) -> Checked:
    """The team's answer as it may be shown."""
    from policies.guardrails.answer import check_assessment
    from policies.guardrails.triggered import Triggered
    from tools.steering import steers

    schema = Triggered(check="schema", action="needs_information", where="answer", count=result.unusable)
    return check_assessment(
        result.assessment,
        evidence_ids=gate.evidence_ids(),
        rules=bundle.guardrails,
        session=session,
        steers=steers,
        earlier=[*([schema] if result.unusable else []), *gate.altered],
    )


def _hidden(result: TeamResult, session: MaskSession) -> TeamResult:
    """The result with a transcript without originals: a model may have guessed one, or have been made to build one."""

    def hide(turn: Turn) -> Turn:
        shown = session.mask_text(turn.content) if session.leaks(turn.content) else turn.content
        return dataclasses.replace(turn, content=shown)

    return dataclasses.replace(result, transcript=tuple(map(hide, result.transcript)))


def _remember(services: Services, ticket_id: str, indicators: JsonObject) -> None:
    """Note what the ticket mentions, so that `similar_cases` finds it later. Masked values are not noted."""
    detail = indicators.get("detail", {})
    values = [value for name in ("urls", "domains", "ips", "hashes") for value in detail.get(name, [])]
    if values:
        with services.store.begin() as tx:
            tx.tickets.remember_indicators(ticket_id, [value for value in values if isinstance(value, str)])


def _keep(services: Services, lease: Lease, run: Run, result: TeamResult) -> None:
    answer = run.assessment
    with services.store.begin() as tx:
        tx.assessments.add(
            run,
            [(turn.agent, turn.role, turn.content) for turn in result.transcript],
            AuditEvent(
                action="assessment.kept",
                actor=f"team:{run.team}",
                ticket_id=run.ticket_id,
                data={
                    "run": run.id,
                    "framework": run.framework,
                    "model": run.model,
                    "verdict": answer.verdict.value,
                    "severity": answer.severity.value,
                    "confidence": answer.confidence,
                    "requests": run.model_requests,
                    "guardrails": list(run.guardrails),
                },
            ),
        )
        tx.tickets.keep_verdict(
            lease, verdict=answer.verdict.value, severity=answer.severity.value, confidence=answer.confidence
        )
        tx.tickets.move(lease, TicketState.DECIDED, audit=AuditEvent(action="ticket.decided", actor=services.owner))
