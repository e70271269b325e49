"""What each team needs of a model, and whether an endpoint gives it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from agents.features import Features
from agents.fitting import LEAST_ANSWER
from agents.probe_report import Outcome, Result, TeamVerdict
from agents.prompting import system_message
from agents.spec import CASE_FILE, RoleSpec, TeamSpec
from core.mcp import is_external
from tools.registry import default_registry

#: Characters of English and JSON that a token stands for.
CHARACTERS_PER_TOKEN = 4
#: Tokens for the ticket and what tools said last; results before these are shortened to make room.
WORK_TOKENS = 4096
#: Requests that one role makes at least: one that calls tools, one that answers.
REQUESTS_PER_ROLE = 2
#: Tokens of a short answer.
SHORT_ANSWER = 400
#: Checks of which one is enough for an answer that parses.
ASSESSING = ("schema", "json")


def least_context(spec: TeamSpec) -> int:
    """Tokens that a context window must have for a team to work at all: its longest instructions, and room to work."""
    return max(_instructions(spec, role) for role in spec.roles) + WORK_TOKENS + LEAST_ANSWER


def verdicts(
    teams: Iterable[TeamSpec], results: Iterable[Result], features: Features, context: int | None
) -> tuple[TeamVerdict, ...]:
    """Whether an endpoint is fit for each team; `context` is what a person says of its window, if anything."""
    by_check = {result.check: result for result in results}
    window = context or features.window
    return tuple(_verdict(spec, by_check, window) for spec in teams)


def _verdict(spec: TeamSpec, results: Mapping[str, Result], window: int | None) -> TeamVerdict:
    needed = [results["tool_calls"], results["injection"]]
    if any(role.answers == "assessment" for role in spec.roles):
        tried = [results[name] for name in ASSESSING]
        needed.append(next((one for one in tried if one.outcome is Outcome.GOOD), tried[0]))
    lacking = [result for result in needed if result.outcome is not Outcome.GOOD]
    why = [f"{result.check}: {result.reason}" for result in lacking]
    by_form = any(not result.outcome.in_form for result in lacking)
    small = _too_small(spec, results["context"], window)
    if small is not None:
        why.append(small)
        by_form = by_form or not results["context"].outcome.in_form
    slow = _too_slow(spec, results["speed"].facts)
    return TeamVerdict(team=spec.name, why=(*why, *([slow] if slow else [])), by_form=by_form)


def _too_small(spec: TeamSpec, result: Result, window: int | None) -> str | None:
    least = least_context(spec)
    if window is not None and window < least:
        return f"context: Its window is {window} tokens, and this team needs about {least}."
    return None if result.outcome is Outcome.GOOD else f"context: {result.reason}"


def _too_slow(spec: TeamSpec, facts: Mapping[str, float]) -> str | None:
    """Why a team could not even do the least within its time; None when it could, or nobody knows."""
    if "first_token_seconds" not in facts:
        return None
    answer = facts["first_token_seconds"] + SHORT_ANSWER / facts.get("tokens_per_second", float("inf"))
    seconds = answer * REQUESTS_PER_ROLE * len(spec.roles)
    if seconds <= spec.budget.seconds:
        return None
    return f"speed: The shortest run would take {seconds:.0f} s, and this team has {spec.budget.seconds:.0f} s."


def _instructions(spec: TeamSpec, role: RoleSpec) -> int:
    """Tokens of what a role is told before any ticket."""
    names = [name for name in role.tools if name != CASE_FILE and not is_external(name)]
    tools = [default_registry().get(name).spec() for name in names]
    told = [{"name": tool.name, "description": tool.description, "parameters": tool.parameters} for tool in tools]
    return (len(system_message(spec, role)) + len(json.dumps(told))) // CHARACTERS_PER_TOKEN
