"""Gives a team the MCP tools that an admin accepted for it, beside those its YAML file names."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from agents.spec import RoleSpec, TeamSpec
from core.canonical import strings_of
from tools.registry import Tool

#: Tools one role has at most; models lose their way among more.
MAX_TOOLS = 40


def with_mcp(spec: TeamSpec, tools: Iterable[Tool], *, ruled: Collection[str]) -> TeamSpec:
    """The team with what is offered to it: reading tools for roles that assess, acting ones for roles that propose.

    A tool of which no rule of the policy speaks (`ruled`) would always be denied, so it is not offered.
    """
    offered = [tool for tool in tools if tool.mcp is not None and tool.name in ruled and _is_for(tool, spec)]
    if not offered:
        return spec
    return spec.model_copy(update={"roles": [_role(role, offered) for role in spec.roles]})


def texts_of(tools: Iterable[Tool]) -> tuple[str, ...]:
    """What models are told of MCP tools verbatim: fixed when they were accepted, before any ticket."""
    specs = [tool.spec() for tool in tools if tool.mcp is not None]
    return tuple(dict.fromkeys(text for spec in specs for text in (spec.description, *strings_of(spec.parameters))))


def _is_for(tool: Tool, spec: TeamSpec) -> bool:
    assert tool.mcp is not None
    teams = tool.mcp.acceptance.teams
    return not teams or spec.name in teams


def _role(role: RoleSpec, offered: list[Tool]) -> RoleSpec:
    fitting = [tool.name for tool in offered if tool.acts == (role.answers == "actions")]
    return role.model_copy(update={"tools": [*role.tools, *fitting][: max(MAX_TOOLS, len(role.tools))]})
