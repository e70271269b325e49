"""Builds each role's system message from its prompt file, the answer's schema and the playbook's guidance."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from agents import certainty
from agents.playbook.guidance import guidance
from agents.playbook.library import shipped_playbooks
from agents.shape import ASSESSMENT
from agents.spec import CASE_FILE, RoleSpec, TeamSpec
from agents.team import Brief
from core.assessment import Assessment
from core.canonical import strings_of
from core.mcp import is_external
from tools.registry import default_registry

PROMPTS = Path(__file__).parent / "prompts"


@lru_cache(maxsize=256)
def _text(name: str) -> str:
    return (PROMPTS / f"{name}.md").read_text(encoding="utf-8")


@lru_cache(maxsize=256)
def _system(prompt: str, playbook: str) -> str:
    schema = json.dumps(Assessment.model_json_schema(), separators=(",", ":"))
    marker = json.dumps({"role": prompt, "playbook": playbook})
    text = _text(prompt).replace("{{schema}}", schema)
    text = text.replace("{{guidance}}", guidance(shipped_playbooks()[playbook], prompt))
    # The playbook model finds its part in this line; other models pass over it.
    return f"{text.rstrip()}\n\ncasemate: {marker}\n"


def system_message(spec: TeamSpec, role: RoleSpec) -> str:
    """The instructions of one role: static text of ours, without a word of any ticket."""
    return _system(role.prompt, spec.playbook)


def opening_message(brief: Brief) -> str:
    """The first user message: the masked ticket and E1, as data."""
    return json.dumps(
        {"kind": brief.kind, "ticket": brief.ticket, "evidence": [brief.first_evidence]},
        ensure_ascii=False,
        separators=(",", ":"),
    )


def static_texts(spec: TeamSpec) -> tuple[str, ...]:
    """Every text of ours that goes to a model verbatim: instructions, tool descriptions, and the playbook's queries."""
    # Those of MCP servers come and go: see `agents.offered.texts_of`.
    tools = frozenset(name for role in spec.roles for name in role.tools if name != CASE_FILE and not is_external(name))
    return _static_texts(spec.playbook, tuple(role.prompt for role in spec.roles), tools)


@lru_cache(maxsize=64)
def _static_texts(playbook: str, prompts: tuple[str, ...], tools: frozenset[str]) -> tuple[str, ...]:
    instructions = [_system(prompt, playbook) for prompt in prompts]
    # Whole sentences alone: a single word that is exempt would be one that a ticket may not hide.
    asked = [*(text for text in strings_of(ASSESSMENT) if " " in text), *certainty.static_texts()]
    specs = [default_registry().get(name).spec() for name in sorted(tools)]
    described = [text for tool in specs for text in (tool.description, *strings_of(tool.parameters))]
    queries = [str(look.arguments["sql"]) for look in shipped_playbooks()[playbook].steps if "sql" in look.arguments]
    return tuple(dict.fromkeys([*instructions, *described, *queries, *asked]))
