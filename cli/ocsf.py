"""A logged decision as an event of the Open Cybersecurity Schema Framework: API Activity with Security Control.

Nothing about a person goes in: no argument, no fact but the team's name, no text that a model or an admin wrote.
"""

from __future__ import annotations

from typing import Final

from core.canonical import JsonObject
from core.decision import Decision, Outcome
from core.decision_log import LoggedDecision

#: The version of the schema that the events keep to.
VERSION: Final = "1.6.0"
CATEGORY: Final = 6  # Application Activity
CLASS: Final = 6003  # API Activity
READ: Final = 2
UPDATE: Final = 3

#: Outcome → action, disposition and severity: number and caption of each.
_CONTROL: dict[Outcome, tuple[tuple[int, str], tuple[int, str], tuple[int, str]]] = {
    Outcome.ALLOW: ((1, "Allowed"), (1, "Allowed"), (1, "Informational")),
    # The schema has no word for a question to people.
    Outcome.ASK: ((99, "Ask"), (99, "Approval required"), (1, "Informational")),
    Outcome.DENY: ((2, "Denied"), (2, "Blocked"), (2, "Low")),
}
#: Stands for a rule where none allowed the call.
_NO_RULE: Final = "default-deny"


def event(logged: LoggedDecision, *, acts: bool, product_version: str) -> JsonObject:
    """One event; `acts` says whether the tool changes something."""
    decision = logged.decision
    (action_id, action), (disposition_id, disposition), (severity_id, severity) = _CONTROL[decision.outcome]
    activity_id = UPDATE if acts else READ
    metadata: JsonObject = {
        "version": VERSION,
        "product": {"name": "casemate", "vendor_name": "casemate", "version": product_version},
        "profiles": ["security_control"],
        "log_name": "decisions",
        "uid": logged.id,
        "sequence": logged.sequence,
    }
    if logged.ticket_id is not None:
        metadata["correlation_uid"] = logged.ticket_id
    return {
        "metadata": metadata,
        "time": int(logged.created_at.timestamp() * 1000),
        "category_uid": CATEGORY,
        "category_name": "Application Activity",
        "class_uid": CLASS,
        "class_name": "API Activity",
        "activity_id": activity_id,
        "activity_name": "Update" if acts else "Read",
        "type_uid": CLASS * 100 + activity_id,
        "type_name": f"API Activity: {'Update' if acts else 'Read'}",
        "severity_id": severity_id,
        "severity": severity,
        "message": f"Policy answered {decision.outcome.value} to {logged.tool}.",
        "action_id": action_id,
        "action": action,
        "disposition_id": disposition_id,
        "disposition": disposition,
        "policy": {"name": "casemate", "uid": decision.bundle_hash, "version": decision.bundle_hash[:12]},
        "actor": {"app_name": "casemate", "app_uid": _team(logged), "authorizations": _authorizations(decision)},
        "api": {
            "operation": logged.tool,
            "service": {"name": "casemate"},
            "request": {"uid": logged.proposal_id or logged.id},
        },
        "src_endpoint": {"svc_name": "casemate"},
        "unmapped": {
            "door": logged.door,
            "microseconds": logged.microseconds,
            "approvals": decision.approvals,
            "roles": list(decision.roles),
            "expires_seconds": decision.expires_seconds,
            "on_expiry": decision.on_expiry,
            "reauthenticate_seconds": decision.reauthenticate_seconds,
            "lease_seconds": decision.lease_seconds,
        },
    }


def _authorizations(decision: Decision) -> list[JsonObject]:
    return [
        {
            "decision": decision.outcome.value,
            "policy": {"name": rule, "uid": rule, "version": decision.bundle_hash[:12]},
        }
        for rule in decision.rules or (_NO_RULE,)
    ]


def _team(logged: LoggedDecision) -> str:
    return str(logged.facts.get("team", {}).get("name") or "casemate")
