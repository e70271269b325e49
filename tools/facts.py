"""The facts policy decides from: arguments with their provenance, and what our own records say of the target."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from core.assessment import Assessment, Verdict
from core.canonical import Json, JsonObject
from core.decision import EmptyFacts, Facts
from core.evidence import Evidence, Fact, Trust
from core.mcp import is_external
from policies.compiled import Bundle
from policies.masking.session import MaskSession
from policies.vocabulary import FIELDS
from tools.case import Case
from tools.investigate.refang import refang
from tools.provenance import Provenance
from tools.registry import Registry, default_registry
from tools.tool import MASKED

#: Hours of the working day, UTC, Monday to Friday.
WORKING_HOURS = range(7, 18)


def build_facts(
    *,
    case: Case,
    bundle: Bundle,
    registry: Registry,
    session: MaskSession,
    tool: str,
    proposal_args: JsonObject,
    assessment: Assessment | None,
    evidence: Sequence[Evidence],
    history_counts: Mapping[str, int],
    now: datetime,
) -> Facts:
    """Facts about one call of one tool; `proposal_args` are masked, the facts hold the real values.

    Raises:
        ToolRefused: a token is not this ticket's, or policy does not permit it in that argument.
    """
    found = [e for e in evidence if e.error is None]
    provenance = Provenance(case.masked.as_json(), found)
    real = {name: restored(session, tool, name, value) for name, value in proposal_args.items()}
    # `case_file` is the gate's own and in no registry.
    target = registry.get(tool).target if tool in registry.names() else {}
    return Facts(
        tool=tool,
        args={name: provenance.of(real[name], value) for name, value in proposal_args.items()},
        ticket={"kind": case.kind, "source": case.source, "age_minutes": _age(case, now)},
        verdict=_verdict(assessment),
        asset=_asset(bundle, real.get(target.get("asset", ""))),
        identity=_identity(bundle, real.get(target.get("identity", ""))),
        team={"name": case.team, "framework": case.framework},
        evidence=_evidence(found),
        time=time_facts(now),
        history={name: history_counts.get(name, 0) for name in FIELDS["history"]},
    )


def time_facts(now: datetime) -> dict[str, Fact]:
    """What rules know of the moment."""
    return {
        "hour": now.hour,
        "weekday": now.weekday(),
        "business_hours": now.weekday() < 5 and now.hour in WORKING_HOURS,
    }


def restored(session: MaskSession, tool: str, argument: str, value: Json) -> Json:
    """The real value of one argument, through the sink table.

    What goes to an MCP server, or to a tool that works on masked data, keeps the tokens that are not permitted there.
    """
    if is_external(tool) or _works_masked(tool):
        return session.restore_permitted(tool, argument, value)
    return session.restore_argument(tool, argument, value) if isinstance(value, str) else value


def _works_masked(tool: str) -> bool:
    registry = default_registry()
    return tool in registry.names() and bool(registry.get(tool).needs & MASKED)


def aimed_at(*, bundle: Bundle, registry: Registry, session: MaskSession, tool: str, args: JsonObject) -> str | None:
    """What a call aims at, the same however it is written; None when it aims at nothing. Real: trusted zone only.

    Raises:
        ToolRefused: a token is not this ticket's, or policy does not permit it in that argument.
    """
    shape = registry.get(tool) if tool in registry.names() else None
    if shape is None or shape.aims_at is None:
        return None
    value = str(restored(session, tool, shape.aims_at, args.get(shape.aims_at, "")))
    asset = bundle.organization.find_asset(value) if shape.target.get("asset") == shape.aims_at else None
    person = bundle.organization.find_person(value) if shape.target.get("identity") == shape.aims_at else None
    if asset is not None:
        return f"asset {asset.hostname.casefold()}"
    if person is not None:
        return f"person {person.username.casefold()}"
    plain = unicodedata.normalize("NFKC", refang(value)).casefold()
    return " ".join(plain.split()).strip("<>").rstrip(".")


def under(bundle: Bundle, facts: Facts, target: Mapping[str, str]) -> Facts:
    """Facts of an earlier call as this bundle's organization would have them: what it says of the call's target."""
    if not target:
        return facts
    values = {name: argument.value for name, argument in facts.args.items()}
    return replace(
        facts,
        asset=_asset(bundle, values.get(target.get("asset", ""))),
        identity=_identity(bundle, values.get(target.get("identity", ""))),
    )


def _age(case: Case, now: datetime) -> int:
    occurred = case.original.occurred_at
    return max(0, int((now - occurred).total_seconds() // 60)) if occurred else 0


def _verdict(assessment: Assessment | None) -> dict[str, Fact]:
    if assessment is None:
        return {
            "label": Verdict.NEEDS_INFORMATION.value,
            "severity": "medium",
            "confidence": 0.0,
            "findings": 0,
        }
    return {
        "label": assessment.verdict.value,
        "severity": assessment.severity.value,
        "confidence": float(assessment.confidence),
        "findings": len(assessment.findings),
    }


def _asset(bundle: Bundle, name: Json) -> dict[str, Fact]:
    asset = bundle.organization.find_asset(name) if isinstance(name, str) else None
    if asset is None:
        return EmptyFacts().asset
    return {
        "known": True,
        "tier": asset.tier,
        "kind": asset.kind,
        "owner": asset.owner,
        "environment": asset.environment,
    }


def _identity(bundle: Bundle, name: Json) -> dict[str, Fact]:
    person = bundle.organization.find_person(name) if isinstance(name, str) else None
    if person is None:
        return EmptyFacts().identity
    return {
        "known": True,
        "role": person.role,
        "department": person.department,
        "vip": person.vip,
        "privileged": person.privileged,
        "service_account": person.service_account,
    }


def _evidence(found: Sequence[Evidence]) -> dict[str, Fact]:
    """A look-up that found nothing backs nothing, so it does not count as internal evidence."""
    read = [e for e in found if e.tool == "read_ticket"]
    return {
        "count": len(found),
        "internal": sum(e.trust is Trust.INTERNAL and _says_something(e) for e in found),
        "untrusted": sum(e.trust is Trust.UNTRUSTED for e in found),
        # A ticket that nobody has read may hold anything.
        "manipulation": not read or any(e.facts.get("manipulation") is not False for e in read),
    }


def _says_something(evidence: Evidence) -> bool:
    return not any(evidence.facts.get(name) in (False, 0) for name in ("known", "found", "cases"))
