"""The room: a team works the masked ticket through the gate and comes back with an assessment."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.audit import AuditEvent
from core.canonical import JsonObject
from core.errors import ModelUnavailable, TriageError
from core.ids import new_id
from core.store.assessments import Run
from core.ticket import Lease, TicketState
from workflows import clouds
from workflows.casework import open_case
from workflows.services import Services

if TYPE_CHECKING:
    from agents.model import ModelClients
    from agents.spec import TeamSpec
    from agents.team import Team, TeamResult, Turn
    from core.settings import ModelEndpoint
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


@dataclass(frozen=True, kw_only=True, slots=True)
class _Room:
    """What every attempt at one ticket stands on."""

    case: Case
    session: MaskSession
    #: For the whole run, whatever goes live meanwhile.
    bundle: Bundle
    registry: Registry
    spec: TeamSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class _Done:
    """One attempt that came to its end."""

    result: TeamResult
    gate: Gate
    seconds: float


def run(services: Services, lease: Lease) -> TicketState:
    """investigating → decided. Safe to repeat: evidence and proposals of a broken run are used again.

    So an endpoint that goes down in the middle of a run costs time only: the next one of the chain begins again, with
    a whole budget of its own.
    """
    room = _open(services, lease.ticket_id)
    answered = services.models.run(
        lambda clients: _attempt(services, room, clients),
        refusal=clouds.refusal(services, lease.ticket_id, room.bundle),
    )
    done = answered.result
    result = _hidden(done.result, room.session)
    checked = _checked(result, done.gate, room.bundle, room.session)
    finished = Run(
        id=new_id("run"),
        ticket_id=room.case.ticket_id,
        framework=result.framework,
        team=room.spec.name,
        model=answered.endpoint.name,
        bundle_hash=room.bundle.hash,
        assessment=checked.assessment,
        # A verdict that was taken back has the confidence of nobody.
        confidence_by=result.confidence_by if checked.assessment.verdict is result.assessment.verdict else "model",
        note=" ".join([*answered.passed, *filter(None, [result.note])]) or None,
        guardrails=tuple(found.as_json() for found in checked.triggered),
        model_requests=result.model_requests,
        tokens_in=result.tokens_in,
        tokens_out=result.tokens_out,
        seconds=done.seconds,
    )
    _keep(services, lease, finished, result, endpoint=answered.endpoint)
    return TicketState.DECIDED


def _open(services: Services, ticket_id: str) -> _Room:
    from agents.offered import with_mcp

    bundle = services.bundle()
    case, session = open_case(services, ticket_id, bundle)
    clouds.note(services, ticket_id, session, bundle)
    registry = services.registry.snapshot()
    ruled = {tool for rule in bundle.actions.rules for tool in rule.tools}
    spec = with_mcp(services.teams.for_kind(case.kind), registry.all(), ruled=ruled)
    return _Room(case=case, session=session, bundle=bundle, registry=registry, spec=spec)


def _attempt(services: Services, room: _Room, clients: ModelClients) -> _Done:
    """The whole of a team's work, on one endpoint.

    Raises:
        ModelUnavailable: the endpoint went down, or was too slow.
    """
    from agents.build import build_team
    from tools.gate import Gate

    team = build_team(room.spec, room.case.framework, clients)
    gate = Gate(
        case=room.case,
        registry=room.registry,
        bundle=room.bundle,
        session=room.session,
        runner=services.runner(),
        store=services.store,
        clock=services.clock,
        max_calls=room.spec.budget.tool_calls,
    )
    started = time.monotonic()
    try:
        result = services.wait_for(_work(services, room, team, gate), seconds=room.spec.budget.seconds + GRACE_SECONDS)
    except TimeoutError:
        raise ModelUnavailable(
            f"Team {room.spec.name} did not finish in {room.spec.budget.seconds} seconds: check the model endpoint's "
            "speed, or give the team a larger budget."
        ) from None
    return _Done(result=result, gate=gate, seconds=round(time.monotonic() - started, 3))


async def _work(services: Services, room: _Room, team: Team, gate: Gate) -> TeamResult:
    from agents.meter import guarded
    from agents.offered import texts_of
    from agents.team import Brief
    from policies.masking.egress import EgressGuard

    case = room.case
    first = await gate.open()
    if first.error is not None:
        raise TriageError(f"The ticket could not be read in the sandbox: {first.error}")
    indicators = await gate.call("extract_indicators", {"text": ""}, agent="casemate")
    _remember(services, case.ticket_id, indicators)
    brief = Brief(
        ticket_id=case.ticket_id, kind=case.kind, ticket=case.masked.as_json(), first_evidence=first.as_json()
    )
    with guarded(EgressGuard(room.session, static=(*team.static_texts, *texts_of(room.registry.all())))):
        return await team.run(brief, gate)


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
        return replace(turn, content=shown)

    return replace(result, transcript=tuple(map(hide, result.transcript)))


def _remember(services: Services, ticket_id: str, indicators: JsonObject) -> None:
    """Note what the ticket mentions, so that `similar_cases` finds it later. Masked values are not noted."""
    detail = indicators.get("detail", {})
    values = [value for name in ("urls", "domains", "ips", "hashes") for value in detail.get(name, [])]
    if values:
        with services.store.begin() as tx:
            tx.tickets.remember_indicators(ticket_id, [value for value in values if isinstance(value, str)])


def _keep(services: Services, lease: Lease, run: Run, result: TeamResult, *, endpoint: ModelEndpoint) -> None:
    from agents.model import without_login

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
                    "endpoint": without_login(endpoint.url),
                    "verdict": answer.verdict.value,
                    "severity": answer.severity.value,
                    "confidence": answer.confidence,
                    "confidence_by": run.confidence_by,
                    "requests": run.model_requests,
                    "guardrails": list(run.guardrails),
                },
            ),
        )
        tx.tickets.keep_verdict(
            lease, verdict=answer.verdict.value, severity=answer.severity.value, confidence=answer.confidence
        )
        tx.tickets.move(lease, TicketState.DECIDED, audit=AuditEvent(action="ticket.decided", actor=services.owner))
