"""Makes a team from its spec; the framework is loaded when its first team is made."""

from __future__ import annotations

from agents.model import ModelClients
from agents.spec import TeamSpec
from agents.team import Team


def build_team(spec: TeamSpec, framework: str, clients: ModelClients) -> Team:
    """`spec` on `framework`.

    Raises:
        ValueError: no such framework.
    """
    match framework:
        case "autogen":
            from agents.autogen_team import AutogenTeam

            return AutogenTeam(spec, clients)
        case "adk":
            from agents.adk_team import AdkTeam

            return AdkTeam(spec, clients)
        case _:
            raise ValueError(f"There is no framework `{framework}`; use `autogen` or `adk`.")
