"""Tables are complete: no state without a step, no tool without a rule, no word missing."""

from __future__ import annotations

from pathlib import Path

from agents.spec import load_teams
from core.action import EFFECT_TRANSITIONS, PROPOSAL_TRANSITIONS, EffectState, ProposalState
from core.ticket import RESTING, TicketState
from policies.bundle import default_bundle_path, load_bundle
from policies.engine import tool_has_rule
from tools.registry import default_registry
from workflows.journey import STEPS
from workflows.words import ACTION_WORDS, TICKET_WORDS

ROOT = Path(__file__).parents[3]


def test_every_state_has_a_step_or_rests() -> None:
    assert set(STEPS) | RESTING == set(TicketState)
    assert set(STEPS) & RESTING == set()


def test_every_state_has_words_for_people() -> None:
    assert set(TICKET_WORDS) == set(TicketState)
    assert set(ACTION_WORDS) == {*ProposalState, *EffectState}


def test_the_architecture_page_names_every_state_and_every_step() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text()
    for state in TicketState:
        assert f"`{state.value}`" in page, state
    for step in STEPS.values():
        assert f"workflows/{step.__module__.rsplit('.', 1)[1]}.py" in page, step


def test_every_proposal_and_effect_state_has_its_moves() -> None:
    assert set(PROPOSAL_TRANSITIONS) == set(ProposalState)
    assert set(EFFECT_TRANSITIONS) == set(EffectState)


def test_the_default_bundle_speaks_of_every_tool_and_of_no_other() -> None:
    registry = default_registry()
    bundle = load_bundle(default_bundle_path(), tools=registry.shapes())
    assert [name for name in registry.names() if not tool_has_rule(bundle, name)] == []


def test_every_team_uses_tools_that_exist_and_only_its_responder_acts() -> None:
    registry = default_registry()
    for spec in load_teams().by_name.values():
        for role in spec.roles:
            named = [name for name in role.tools if name != "case_file"]
            acting = {name for name in named if registry.get(name).acts}
            assert bool(acting) is (role.answers == "actions"), (spec.name, role.name)
