"""Builds each role's system message from its prompt file, the answer's schema and the playbook's guidance."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from agents.playbook.guidance import guidance
from agents.playbook.library import shipped_playbooks
from agents.spec import RoleSpec, TeamSpec
from agents.team import Brief
from core.assessment import Assessment

PROMPTS = Path(__file__).parent / "prompts"


@lru_cache(maxsize=256)
def _text(name: str) -> str:
    return (PROMPTS / f"{name}.md").read_text(encoding="utf-8")


@lru_cache(maxsize=256)
def _system(role: str, prompt: str, playbook: str) -> str:
    schema = json.dumps(Assessment.model_json_schema(), separators=(",", ":"))
    marker = json.dumps({"role": role, "playbook": playbook})
    text = _text(prompt).replace("{{schema}}", schema)
    text = text.replace("{{guidance}}", guidance(shipped_playbooks()[playbook], role))
    # The playbook model finds its part in this line; other models pass over it.
    return f"{text.rstrip()}\n\ncasemate: {marker}\n"


def system_message(spec: TeamSpec, role: RoleSpec) -> str:
    """The instructions of one role: static text of ours, without a word of any ticket."""
    return _system(role.prompt, role.prompt, spec.playbook)


def opening_message(brief: Brief) -> str:
    """The first user message: the masked ticket and E1, as data."""
    return json.dumps(
        {"kind": brief.kind, "ticket": brief.ticket, "evidence": [brief.first_evidence]},
        ensure_ascii=False,
        separators=(",", ":"),
    )


def static_texts(spec: TeamSpec) -> tuple[str, ...]:
    """Every text of ours that goes to a model verbatim, for the egress guard."""
    return tuple(system_message(spec, role) for role in spec.roles)
