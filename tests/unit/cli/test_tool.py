"""`casemate tool`: list, show, reference, run on a made ticket and on a real one, and a new tool that works at once."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli.tool_new import NAME
from core.settings import Settings
from core.store.engine import Store
from core.ticket import TicketState
from tests.bundles import DRILL, write_bundle
from tests.unit.cli.conftest import Casemate
from tools.registry import default_registry
from workers.inline import inline_services
from workers.wiring import open_store
from workflows import journey

ROOT = Path(__file__).parents[3]
MAIL = b"From: A <a@clearing-h0use.example>\nTo: b@harbourbank.example\nSubject: Hi\nDate: x\n\nhello\n"


def test_the_list_has_every_tool(casemate: Casemate) -> None:
    listed = casemate("tool", "list", "--json").document["tools"]
    assert {tool["name"] for tool in listed} == set(default_registry().names())
    assert "isolate_host" in casemate("tool", "list").out


@pytest.mark.parametrize(("option", "acts"), [("--reads", False), ("--acts", True)])
def test_the_list_can_be_of_one_kind(casemate: Casemate, option: str, acts: bool) -> None:
    listed = casemate("tool", "list", option, "--json").document["tools"]
    assert listed
    assert {tool["acts"] for tool in listed} == {acts}


def test_show_tells_arguments_facts_and_what_it_is_given(casemate: Casemate) -> None:
    shown = casemate("tool", "show", "read_email").out
    for words in ("attachment", "display_name_spoof", "our domains", "untrusted"):
        assert words in shown
    assert casemate("tool", "show", "read_email", "--json").document["needs"] == ["attachment", "organization"]
    assert "people decide" in casemate("tool", "show", "isolate_host").out


def test_an_unknown_tool_is_answered_with_the_names(casemate: Casemate) -> None:
    ran = casemate("tool", "show", "read_mail")
    assert ran.code == 1
    assert "read_email" in ran.err


def test_the_reference_is_written_checked_and_cleared_of_tools_that_are_gone(
    casemate: Casemate, tmp_path: Path
) -> None:
    folder = tmp_path / "pages"
    assert casemate("tool", "reference", str(folder), "--check").code == 1
    assert not folder.exists()
    assert casemate("tool", "reference", str(folder)).code == 0
    assert casemate("tool", "reference", str(folder), "--check").code == 0
    (folder / "gone.md").write_text("x")
    (folder / "read_email.md").write_text("x")
    ran = casemate("tool", "reference", str(folder), "--check", "--json")
    assert (ran.code, ran.document["stale"]) == (1, ["gone.md", "read_email.md"])
    casemate("tool", "reference", str(folder))
    assert not (folder / "gone.md").exists()


def test_a_tool_runs_on_a_ticket_made_of_options(casemate: Casemate, tmp_path: Path) -> None:
    (tmp_path / "m.eml").write_bytes(MAIL)
    ran = casemate(
        "tool", "run", "read_email", "--args", '{"attachment": 0}', "--attachment", str(tmp_path / "m.eml"), "--json"
    )
    assert ran.code == 0, ran.err
    assert ran.document["facts"]["from_domain"] == "clearing-h0use.example"
    assert ran.document["rules"] == ["look"]
    assert ran.document["sandbox"] == "namespaces"
    (tmp_path / "events.json").write_text('[{"n": 1}, {"n": 2}]')
    (tmp_path / "args.json").write_text('{"sql": "SELECT sum(n) AS total FROM events"}')
    ran = casemate(
        "tool", "run", "search_logs", "--args", f"@{tmp_path}/args.json", "--field", f"events=@{tmp_path}/events.json"
    )
    assert "total 3" in " ".join(ran.out.split())
    assert "nothing was kept" in ran.out


def test_a_masked_answer_shows_what_a_model_would_see(casemate: Casemate, tmp_path: Path) -> None:
    (tmp_path / "m.eml").write_bytes(MAIL.replace(b"From: A ", b"From: Anna Lindqvist "))
    arguments = ("tool", "run", "read_email", "--args", '{"attachment": 0}', "--attachment", str(tmp_path / "m.eml"))
    assert "Anna Lindqvist" in casemate(*arguments).out
    assert "Anna Lindqvist" not in casemate(*arguments, "--masked").out


def test_policy_is_asked_before_anything_runs(casemate: Casemate, tmp_path: Path) -> None:
    rule = DRILL.format(id="no-urls", tool="inspect_url", kind="phishing")
    folder = write_bundle(tmp_path / "bundle", rules=rule)
    # A mail among the attachments makes it a phishing ticket.
    (tmp_path / "m.eml").write_bytes(MAIL)
    ran = casemate(
        "tool", "run", "inspect_url", "--args", '{"url": "http://a.example"}', "--policy", str(folder),
        "--attachment", str(tmp_path / "m.eml"),
    )  # fmt: skip
    assert ran.code == 1
    assert ran.err.startswith("Policy does not allow inspect_url here")
    assert ran.out == ""


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["isolate_host", "--args", '{"host": "x"}'], 1, "isolate_host acts"),
        (["inspect_url", "--args", "{}"], 1, "`url`: Field required"),
        (["inspect_url", "--args", "[1]"], 1, "one JSON object"),
        (["no_such_tool"], 1, "There is no tool"),
        (["inspect_url", "--args", "{"], 2, "not JSON"),
        (["inspect_url", "--args", "@/no/such/file"], 2, "cannot be read"),
        (["read_ticket", "--field", "x"], 2, "key=value"),
        (["read_ticket", "--attachment", "/no/such/file"], 2, "cannot be read"),
        (["read_ticket", "--ticket", "tkt_x", "--body", "x"], 2, "leave it out"),
    ],
)
def test_a_mistake_is_one_sentence(casemate: Casemate, arguments: list[str], code: int, told: str) -> None:
    ran = casemate("tool", "run", *arguments)
    assert ran.code == code
    assert told in " ".join(ran.err.split())
    assert "Traceback" not in ran.err


def test_a_look_up_uses_the_tables_of_this_casemate(casemate: Casemate, opened: Store, tmp_path: Path) -> None:
    (tmp_path / "feed.csv").write_text("value,type,source,confidence,malicious\nevil.example,domain,feed,90,true\n")
    assert casemate("intel", "import", str(tmp_path / "feed.csv")).code == 0
    ran = casemate("tool", "run", "lookup_indicator", "--args", '{"value": "evil.example"}', "--json")
    assert ran.document["facts"]["malicious"] is True


def state_of(store: Store, ticket_id: str) -> TicketState:
    with store.read() as tx:
        return tx.tickets.get(ticket_id).state


def test_running_it_on_a_ticket_shows_the_original_keeps_nothing_and_is_on_record(
    casemate: Casemate, opened: Store, tmp_path: Path
) -> None:
    ticket = {"source": "t", "external_id": "1", "title": "Odd mail", "body": "Anna Lindqvist says hxxp://a[.]example"}
    (tmp_path / "t.json").write_text(json.dumps(ticket))
    ticket_id = casemate("ticket", "submit", str(tmp_path / "t.json"), "--json").document["ticket_id"]
    ran = casemate("tool", "run", "read_ticket", "--ticket", ticket_id)
    assert ran.code == 1
    assert "no masked copy" in ran.err
    services = inline_services(Settings(), open_store(Settings()))
    try:
        while state_of(opened, ticket_id) is TicketState.RECEIVED:
            journey.advance(services, ticket_id)
    finally:
        services.close()
    with opened.read() as tx:
        before = len(tx.evidence.of(ticket_id))
        tokens = len(tx.vault.entries(ticket_id))
    code = '{"text": "Beatrix Quellmann wrote to b.quellmann@freight.example"}'
    real = casemate("tool", "run", "extract_indicators", "--args", code, "--ticket", ticket_id, "--json").document
    shown = casemate(
        "tool", "run", "extract_indicators", "--args", code, "--ticket", ticket_id, "--masked", "--json"
    ).document
    assert real["detail"]["emails"] == ["b.quellmann@freight.example"]
    assert shown["detail"]["emails"] != real["detail"]["emails"]
    with opened.read() as tx:
        looks = [e for e in tx.audit.of(ticket_id) if e["action"] == "tool.tried"]
        assert len(tx.evidence.of(ticket_id)) == before
        assert len(tx.vault.entries(ticket_id)) == tokens
    assert [look["data"] for look in looks] == [
        {"tool": "extract_indicators", "masked": False},
        {"tool": "extract_indicators", "masked": True},
    ]


@pytest.mark.parametrize(
    "name", ["Count", "count__words", "_count", "count_", "count-words", "c", "../x", "class", "a1"]
)
def test_a_name_that_no_tool_can_have_is_refused(casemate: Casemate, name: str) -> None:
    ran = casemate("tool", "new", "--", name)
    assert ran.code == 2
    assert "underscore" in ran.err


@pytest.mark.parametrize("name", ["read_email", "refang"])
def test_a_name_that_is_taken_is_refused(casemate: Casemate, name: str) -> None:
    ran = casemate("tool", "new", name)
    assert ran.code == 1
    assert "exists already" in ran.err


def test_every_tool_could_have_been_named_so() -> None:
    assert [name for name in default_registry().names() if not NAME.fullmatch(name)] == []


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The files of a new tool in a copy of the checkout, the tool first."""
    copy = tmp_path_factory.mktemp("copy")
    packages = ("core", "policies", "tools", "agents", "workflows", "workers", "gateway", "serving", "cli", "tests")
    for package in packages:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    files: list[str] = json.loads(within(copy, "cli", "tool", "new", "count_words", "--json"))["written"]
    assert files == [str(copy / "tools/investigate/count_words.py"), str(copy / "tests/unit/tools/test_count_words.py")]
    return files


def within(copy: Path, *command: str) -> str:
    """What a module says that is run in the copy."""
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=copy, capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_new_tool_and_its_test_pass_at_once(written: list[str]) -> None:
    copy = Path(written[0]).parents[2]
    within(copy, "ruff", "check", *written)
    within(copy, "ruff", "format", "--check", *written)
    assert "3 passed" in within(copy, "pytest", "-v", "-p", "no:cacheprovider", "-p", "no:randomly", written[1])


@pytest.mark.integration  # half a minute without a cache of types
def test_a_new_tool_and_its_test_are_typed(written: list[str]) -> None:
    within(Path(written[0]).parents[2], "mypy", "--strict", *written)
