"""`casemate mcp` and `casemate effect`: a server let in by a person, tool by tool."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from core.action import EffectState
from core.audit import AuditEvent
from core.store.engine import Store
from tests.samples import effect, keep, proposal, stored_ticket
from tests.unit.cli.conftest import Casemate
from tests.unit.mcp.conftest import LOCK, LOOK_UP, ROGUE


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.json"
    path.write_text(json.dumps({"mode": "echo", "tools": [LOOK_UP, LOCK]}))
    return path


def add(casemate: Casemate, script: Path, *options: str) -> Any:
    return casemate("mcp", "add", "rogue", *options, "--json", "--", sys.executable, "-S", str(ROGUE), str(script))


def tool(casemate: Casemate, name: str = "rogue__look_up") -> dict[str, Any]:
    shown = casemate("mcp", "show", "rogue", "--json").document
    [found] = [one for one in shown["tools"] if one["name"] == name]
    return dict(found)


def test_a_server_is_added_with_all_of_its_tools_in_quarantine(casemate: Casemate, script: Path) -> None:
    added = add(casemate, script)
    assert added.code == 0, added.err
    assert {one["name"]: one["callable"] for one in added.document["tools"]} == {
        "rogue__lock": False,
        "rogue__look_up": False,
    }
    [row] = casemate("mcp", "list", "--json").document["servers"]
    assert (row["name"], row["on"], row["accepted"], row["tools"]) == ("rogue", True, 0, 2)
    assert "rogue" in casemate("mcp", "list").out
    shown = casemate("mcp", "show", "rogue").out
    assert "Looks a host up in the asset system." in shown
    assert "quarantined (new)" in shown


def test_a_tool_is_accepted_by_its_pin_and_taken_back(casemate: Casemate, script: Path) -> None:
    add(casemate, script)
    pin = tool(casemate)["pin"]
    assert casemate("mcp", "accept", "rogue__look_up").code == 2, "what is accepted must be said"
    assert casemate("mcp", "accept", "rogue__look_up", "--pin", "0" * 12).code == 2
    assert casemate("mcp", "accept", "rogue__look_up", "--pin", pin[:11]).code == 2
    done = casemate("mcp", "accept", "rogue__look_up", "--pin", pin[:12], "--reads", "--team", "phishing", "--json")
    assert (done.document["callable"], done.document["acts"], done.document["teams"]) == (True, False, ["phishing"])
    assert "accepted, reads" in casemate("mcp", "show", "rogue").out
    assert casemate("mcp", "quarantine", "rogue__look_up").code == 0
    assert not tool(casemate)["callable"]


def test_a_tool_that_does_not_call_itself_read_only_is_an_action(casemate: Casemate, script: Path) -> None:
    add(casemate, script)
    pin = tool(casemate, "rogue__lock")["pin"]
    refused = casemate("mcp", "accept", "rogue__lock", "--pin", pin, "--reads")
    assert refused.code == 1
    assert "as an action only" in refused.err
    assert casemate("mcp", "accept", "rogue__lock", "--pin", pin, "--json").document["acts"]


def test_a_change_is_shown_as_a_difference(casemate: Casemate, script: Path) -> None:
    add(casemate, script)
    casemate("mcp", "accept", "rogue__look_up", "--pin", tool(casemate)["pin"], "--reads")
    changed = {**LOOK_UP, "description": "Looks a host up.\u001b[2J And tells."}
    script.write_text(json.dumps({"mode": "echo", "tools": [{**LOOK_UP, "description": "Looks it up."}, LOCK]}))
    looked = casemate("mcp", "look", "rogue")
    assert looked.code == 0, looked.err
    assert "-description: Looks a host up in the asset system." in looked.out
    assert "+description: Looks it up." in looked.out
    assert "quarantined (changed)" in looked.out
    script.write_text(json.dumps({"mode": "echo", "tools": [changed, LOCK]}))
    looked = casemate("mcp", "look", "rogue")
    assert "cannot be accepted" in looked.out
    assert "\u001b" not in looked.out
    refused = casemate("mcp", "accept", "rogue__look_up", "--pin", tool(casemate)["pin"])
    assert (refused.code, "cannot be accepted" in refused.err) == (1, True)


def test_a_whole_server_is_taken_back_let_in_and_removed(casemate: Casemate, script: Path) -> None:
    add(casemate, script)
    assert casemate("mcp", "quarantine", "rogue", "--json").document == {"name": "rogue", "quarantined": True}
    assert "quarantined" in casemate("mcp", "list").out
    assert casemate("mcp", "quarantine", "rogue", "--lift").code == 0
    assert casemate("mcp", "quarantine", "rogue__lock", "--lift").code == 2
    assert casemate("mcp", "remove", "rogue", "--json").document == {"removed": "rogue"}
    gone = casemate("mcp", "show", "rogue")
    assert (gone.code, "mcp list" in gone.err) == (1, True)
    assert "No MCP server" in casemate("mcp", "list").out


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (("rogue",), 2, "NAME -- PROGRAM"),
        (("rogue", "--url", "https://x.example", "--", "python"), 2, "NAME -- PROGRAM"),
        (("rogue", "--url", "http://x.example"), 1, "https:// only"),
        (("rogue", "--url", "https://x.example", "--header", "Authorization: Bearer abc"), 1, "in the clear"),
        (("rogue", "--url", "https://x.example", "--header", "nothing"), 2, "NAME: VALUE"),
        (("Rogue", "--url", "https://x.example"), 1, "lower case"),
        (("rogue", "--", "no-such-program"), 1, "no program"),
    ],
)
def test_what_cannot_be_added_is_said_in_a_sentence(
    casemate: Casemate, opened: Store, arguments: tuple[str, ...], code: int, why: str
) -> None:
    refused = casemate("mcp", "add", *arguments)
    assert (refused.code, why in refused.err) == (code, True), refused.err
    with opened.read() as tx:
        assert tx.mcp.servers() == []


def test_an_unknown_effect_is_listed_and_settled(casemate: Casemate, opened: Store) -> None:
    assert "settled" in casemate("effect", "list").out
    planned = effect(keep(opened, proposal(stored_ticket(opened).id)))
    event = AuditEvent(action="test", actor="test")
    for state in (EffectState.DISPATCHED, EffectState.UNKNOWN):
        with opened.begin() as tx:
            if state is EffectState.DISPATCHED:
                tx.effects.plan(planned, event)
            [found] = tx.effects.of(planned.ticket_id)
            tx.effects.move(found, state, outcome={}, audit=event)
    [row] = casemate("effect", "list", "--json").document["effects"]
    assert row["id"] == planned.id
    assert planned.id in casemate("effect", "list").out
    assert casemate("effect", "settle", planned.id, "--reason", "Saw it.").code == 2, "done or not must be said"
    done = casemate("effect", "settle", planned.id, "--done", "--reason", "Saw it.", "--json")
    assert done.document == {"id": planned.id, "state": "confirmed"}
    again = casemate("effect", "settle", planned.id, "--not-done", "--reason", "No.")
    assert (again.code, "effect list" in again.err) == (1, True)
