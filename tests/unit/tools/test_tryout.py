"""A tool tried by hand: the same answer as a team's call, the same refusals, and nothing kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.canonical import JsonObject
from core.errors import NotFound, ToolRefused
from tests.bundles import DRILL, loaded, write_bundle
from tests.unit.tools.house import House
from tests.unit.tools.test_mail import mail
from tools.registry import default_registry
from tools.runner import Runner
from tools.tryout import Tryout

MakeHouse = Callable[..., House]
EVENTS = {"events": [{"user": "anna.lindqvist", "n": n, "note": "x" * 500} for n in range(120)]}
TICKET: dict[str, Any] = {
    "body": "From Anna Lindqvist: see hxxp://clearing-h0use[.]example/login and powershell -w hidden -enc SQBFAFgA",
    "fields": EVENTS,
    "attachments": {"mail.eml": mail()},
}


def tryout(made: House, **changes: Any) -> Tryout:
    parts: dict[str, Any] = {
        "case": made.case,
        "registry": default_registry(),
        "bundle": made.bundle,
        "session": made.session,
        "runner": Runner(sandbox=made.sandbox),
        "store": made.store,
        "clock": made.clock,
    }
    return Tryout(**{**parts, **changes})


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("read_ticket", {}),
        ("read_email", {"attachment": 0}),
        ("extract_indicators", {"text": ""}),
        ("inspect_url", {"url": "hxxp://clearing-h0use[.]example/login"}),
        ("search_logs", {"sql": "SELECT * FROM events"}),
        ("lookup_asset", {"host": "no-such-host"}),
        ("lookup_indicator", {"value": "clearing-h0use.example"}),
        ("similar_cases", {}),
    ],
)
async def test_the_masked_answer_is_what_a_team_gets(house: MakeHouse, name: str, arguments: JsonObject) -> None:
    made = house(**TICKET)
    gate = made.gate()
    await gate.open()
    told = await gate.call(name, arguments, agent="investigator")
    tried = await tryout(made).call(name, arguments)
    shown = tryout(made).masked(tried)
    assert {key: shown[key] for key in ("arguments", "summary", "facts", "detail")} == {
        key: told[key] for key in ("arguments", "summary", "facts", "detail")
    }
    assert tried.tool.trust.value == told["trust"]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("read_email", {"attachment": "0"}),
        ("read_email", {"attachment": 7}),
        ("search_logs", {"sql": "SELECT 1; SELECT 2"}),
        ("inspect_url", {"url": "http://HOST_ZZZZZZ/"}),
        ("inspect_url", []),
    ],
)
async def test_what_a_team_is_refused_is_refused_here_with_the_same_words(
    house: MakeHouse, name: str, arguments: Any
) -> None:
    made = house(**TICKET)
    gate = made.gate()
    await gate.open()
    told = await gate.call(name, arguments, agent="investigator")
    with pytest.raises(ToolRefused) as refused:
        await tryout(made).call(name, arguments)
    assert made.session.mask_text(str(refused.value)) == told["error"]


async def test_policy_is_asked(house: MakeHouse, tmp_path: Path) -> None:
    rule = DRILL.format(id="no-urls", tool="inspect_url", kind="phishing")
    bundle = loaded(write_bundle(tmp_path / "bundle", rules=rule))
    with pytest.raises(ToolRefused, match="Policy does not allow inspect_url here: A drill"):
        await tryout(house(**TICKET), bundle=bundle).call("inspect_url", {"url": "http://a.example"})


async def test_a_tool_that_acts_is_never_run(house: MakeHouse) -> None:
    with pytest.raises(ToolRefused, match="isolate_host acts"):
        await tryout(house(**TICKET)).call("isolate_host", {"host": "WS-TRE-014"})


async def test_an_unknown_tool_is_answered_with_the_list(house: MakeHouse) -> None:
    with pytest.raises(NotFound, match="read_email"):
        await tryout(house(**TICKET)).call("read_mail", {})


async def test_nothing_is_kept(house: MakeHouse) -> None:
    made = house(**TICKET)
    before = made.actions()
    await tryout(made).call("search_logs", {"sql": "SELECT 1"})
    with made.store.read() as tx:
        assert tx.evidence.of(made.case.ticket_id) == []
    assert made.actions() == before
