"""`casemate policy explain`, run as a person would."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.bundle_change import StoredBundle
from core.canonical import JsonObject
from core.clock import SystemClock
from core.decision import ArgumentFacts, Facts
from core.decision_log import DecisionEntry, Door, seal_context
from core.ids import new_id
from core.store.engine import Store
from core.vault import seal
from policies.bundle import Bundle, default_bundle_path, load_bundle
from policies.engine import decide
from policies.vocabulary import facts_over_strictest
from tests.unit.cli.conftest import Casemate

TICKET = {"source": "siem", "external_id": "A-1", "title": "Odd mail", "body": "A host calls home."}
GIVEN = """
tool: isolate_host
args: {host: {value: WS-TRE-014, trusted: true}}
asset: {known: true, tier: 3, kind: laptop}
verdict: {label: malicious, confidence: 0.95}
evidence: {manipulation: false}
"""
HOST = "WS-TRE-014"
Log = Callable[..., DecisionEntry]


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(default_bundle_path())


@pytest.fixture
def ticket(casemate: Casemate, opened: Store) -> str:
    ran = casemate("ticket", "submit", "-", "--json", stdin=json.dumps(TICKET).encode())
    assert ran.code == 0, ran.err
    ticket_id: str = ran.document["ticket_id"]
    return ticket_id


def block(value: str = HOST, **groups: dict[str, Any]) -> Facts:
    args = {"indicator": ArgumentFacts(value=value, trusted=True, sources=("E1",))}
    return facts_over_strictest("block_indicator", args, groups)


@pytest.fixture
def log(opened: Store, ticket: str, bundle: Bundle) -> Log:
    """Writes a decision to the log as the gate does: the facts masked, the real ones sealed."""

    def write(
        facts: Facts, shown: str = "HOST_K7Q2XB", *, door: Door = "tool", proposal: str | None = None, by: str = ""
    ) -> DecisionEntry:
        decision, decision_id = decide(bundle, facts), new_id("dec")
        masked: JsonObject = facts.as_json()
        for argument in masked["args"].values():
            argument["value"] = shown
        with opened.begin() as tx:
            exact = json.dumps(facts.as_json()).encode()
            entry = DecisionEntry(
                id=decision_id,
                ticket_id=ticket,
                proposal_id=proposal,
                door=door,
                tool=facts.tool,
                facts=masked,
                sealed=seal(tx.vault.data_key(ticket), exact, context=seal_context(decision_id, ticket)),
                decision=replace(decision, bundle_hash=by or bundle.hash),
                microseconds=12,
            )
            tx.decisions.add(entry)
        return entry

    return write


def test_facts_of_a_file_are_explained_as_an_aligned_tree(casemate: Casemate, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "given.yaml"
    file.write_text(GIVEN)
    ran = casemate("policy", "explain", "--facts", str(file))
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert lines[1] == "isolate_host → allow"
    assert "✓ isolate-workstation: allows" in lines
    tier = next(line for line in lines if line.lstrip().startswith("✓ asset.tier >= 2"))
    label = next(line for line in lines if line.lstrip().startswith('✓ verdict.label == "malicious"'))
    assert tier.index("asset.tier = 3") == label.index('verdict.label = "malicious"')
    assert any(line.split() == ["outcome", "allow", "the", "only", "answer"] for line in lines)
    assert "\x1b" not in ran.out


def test_json_holds_the_whole_explanation(casemate: Casemate, home: Path, bundle: Bundle) -> None:
    facts = block("harbourbank.example")
    ran = casemate("policy", "explain", "--facts", "-", "--json", stdin=json.dumps(facts.as_json()).encode())
    assert ran.code == 0, ran.err
    explanation = ran.document["explanation"]
    assert explanation["decision"] == decide(bundle, facts).as_json()
    (own,) = [rule for rule in explanation["rules"] if rule["rule"] == "never-block-ourselves"]
    assert own["condition"]["any"][0] == {
        "atom": "isOwn(args.indicator.value)",
        "value": "true",
        "facts": {"args.indicator.value": "harbourbank.example"},
        "missing": [],
    }
    assert own["condition"]["any"][1]["value"] == "not looked at"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tool: isolate_host\nasset: {teir: 2}", "standard input:2:9: unknown key `teir`; did you mean `tier`?"),
        ("asset: {tier: 2}", "standard input:1:1: no tool is named"),
        ("tool: [", "standard input:1:"),
        ("tool: x\nargs: {host: {value: 3, trusted: maybe}}", "standard input:2:"),
    ],
)
def test_facts_that_are_none_are_told_with_their_place(casemate: Casemate, home: Path, text: str, said: str) -> None:
    ran = casemate("policy", "explain", "--facts", "-", stdin=text.encode())
    assert ran.code == 1
    assert said in ran.err


def test_a_file_that_is_not_there_and_names_that_are_too_many(casemate: Casemate, home: Path) -> None:
    ran = casemate("policy", "explain", "--facts", "/nowhere.yaml")
    assert (ran.code, "cannot be read" in ran.err) == (1, True)
    assert casemate("policy", "explain").code == 2
    assert casemate("policy", "explain", "dec_1", "--facts", "-").code == 2


def test_a_past_decision_is_explained_from_real_facts_and_shows_masked_ones(casemate: Casemate, log: Log) -> None:
    entry = log(block("mail.harbourbank.example"), "DOMAIN_7QX2AB")
    ran = casemate("policy", "explain", entry.id)
    assert ran.code == 0, ran.err
    assert "✓ isOwn(args.indicator.value)" in ran.out
    assert 'args.indicator.value = "DOMAIN_7QX2AB"' in ran.out
    assert "harbourbank" not in ran.out
    assert "the live bundle" in ran.out
    assert "Note:" not in ran.out


def test_a_proposal_leads_to_its_newest_decision(casemate: Casemate, log: Log) -> None:
    log(block(verdict={"label": "benign"}), door="proposal", proposal="prp_1")
    newest = log(block("evil.example"), door="execution", proposal="prp_1")
    (found,) = casemate("policy", "explain", "prp_1", "--json").document["decisions"]
    assert found["logged"]["id"] == newest.id


def test_a_ticket_leads_to_what_was_to_be_done_and_what_was_refused(casemate: Casemate, log: Log, ticket: str) -> None:
    log(facts_over_strictest("read_ticket", {}, {}))
    assert "only let tools look" in casemate("policy", "explain", ticket).err
    refused = log(facts_over_strictest("no_such_tool", {}, {}))
    log(block(), door="proposal", proposal="prp_1")
    newest = log(block(), door="execution", proposal="prp_1")
    found = casemate("policy", "explain", ticket, "--json").document["decisions"]
    assert [one["logged"]["id"] for one in found] == [refused.id, newest.id]
    assert casemate("policy", "explain", ticket).out.count("How the answer follows") == 2


@pytest.mark.parametrize("name", ["dec_none", "prp_none", "tkt_none", "other"])
def test_what_is_not_in_the_log_is_one_sentence(casemate: Casemate, ticket: str, name: str) -> None:
    ran = casemate("policy", "explain", name)
    assert ran.code == 1
    assert "`casemate policy log` lists them" in ran.err


def test_a_bundle_that_is_no_longer_live_explains_its_own_decision(
    casemate: Casemate, log: Log, opened: Store, tmp_path: Path
) -> None:
    old = _changed(tmp_path, "isOwn(args.indicator.value) || isPartner", "isPartner(args.indicator.value) || isOwn")
    with opened.begin() as tx:
        tx.bundles.keep(
            StoredBundle(
                hash=old.hash,
                files=old.files,
                author="user:a",
                reason="r",
                origin="cli",
                created_at=SystemClock().now(),
            )
        )
    entry = log(block("harbourbank.example"), by=old.hash)
    ran = casemate("policy", "explain", entry.id)
    assert f"The bundle {old.hash[:12]} decided; it is no longer live" in ran.out
    assert ran.out.index("isPartner(args") < ran.out.index("isOwn(args")


def test_a_bundle_that_is_not_in_the_store_is_replaced_by_the_live_one_and_that_is_said(
    casemate: Casemate, log: Log, bundle: Bundle
) -> None:
    entry = log(block("harbourbank.example"), by="f" * 64)
    ran = casemate("policy", "explain", entry.id)
    assert ran.code == 0
    said = f"The bundle ffffffffffff decided, and it is not in the store, so the live bundle ({bundle.hash[:12]})"
    assert said in " ".join(ran.out.split())


def test_another_bundle_can_answer_instead_with_its_own_organization(
    casemate: Casemate, log: Log, bundle: Bundle, tmp_path: Path
) -> None:
    asset = bundle.organization.find_asset(HOST)
    assert asset is not None
    facts = facts_over_strictest(
        "isolate_host",
        {"host": ArgumentFacts(value=HOST, trusted=True)},
        {"asset": {"known": True, "tier": 0, "kind": "laptop", "owner": "someone"}},
    )
    entry = log(facts, door="proposal", proposal="prp_1")
    folder = tmp_path / "bundle"
    _changed(tmp_path, "isOwn(args.indicator.value) || isPartner", "isPartner(args.indicator.value) || isOwn")
    ran = casemate("policy", "explain", entry.id, "--bundle", str(folder), "--json")
    assert ran.code == 0, ran.err
    (found,) = ran.document["decisions"]
    assert f"{bundle.hash[:12]} decided" in found["notes"][0]
    assert HOST not in ran.out
    tiers = {
        part["facts"]["asset.tier"]
        for rule in found["explanation"]["rules"]
        for part in _atoms(rule["condition"])
        if "asset.tier" in part["facts"]
    }
    assert tiers == {asset.tier}


def test_after_shredding_masked_values_are_looked_at_and_that_is_said(
    casemate: Casemate, log: Log, ticket: str
) -> None:
    entry = log(block("harbourbank.example"), "DOMAIN_7QX2AB")
    done = casemate("vault", "shred", ticket, "--reason", "The customer asked.", "--yes", "--force")
    assert done.code == 0, done.err
    ran = casemate("policy", "explain", entry.id)
    assert ran.code == 0, ran.err
    assert "The real values are gone" in ran.out
    assert "and the answer in the log is deny." in ran.out


def test_a_refusal_without_facts_says_that_policy_was_not_asked(
    casemate: Casemate, opened: Store, ticket: str, bundle: Bundle
) -> None:
    entry = DecisionEntry(
        id=new_id("dec"),
        ticket_id=ticket,
        proposal_id=None,
        door="tool",
        tool="search_logs",
        facts={},
        sealed=None,
        decision=replace(decide(bundle, block()), reason="A token that is not this ticket's."),
        microseconds=0,
    )
    with opened.begin() as tx:
        tx.decisions.add(entry)
    ran = casemate("policy", "explain", entry.id)
    assert "Policy was not asked: a token was refused" in ran.out
    assert casemate("policy", "explain", entry.id, "--json").document["decisions"][0]["explanation"] is None


def test_nothing_in_a_value_steers_the_terminal(casemate: Casemate, log: Log) -> None:
    entry = log(block("evil.example"), "\x1b[31mred\u202e\nline")
    ran = casemate("policy", "explain", entry.id)
    assert ran.code == 0
    assert "\x1b" not in ran.out
    assert "\u202e" not in ran.out


def _changed(tmp_path: Path, before: str, after: str) -> Bundle:
    folder = tmp_path / "bundle"
    shutil.copytree(default_bundle_path(), folder)
    file = folder / "actions.yaml"
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))
    return load_bundle(folder)


def _atoms(condition: Any) -> list[Any]:
    if condition is None:
        return []
    if "atom" in condition:
        return [condition]
    (parts,) = [condition[kind] for kind in ("all", "any", "not") if kind in condition]
    return [atom for part in parts for atom in _atoms(part)]


def test_the_example_of_the_docs_is_what_the_command_prints(casemate: Casemate, home: Path, tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "explanation" / "policy.md").read_text()
    rules, facts, printed = (
        page.split(f"```{kind}\n")[1].split("```")[0] for kind in ("yaml rules", "yaml facts", "text explain")
    )
    folder = tmp_path / "bundle"
    shutil.copytree(default_bundle_path(), folder, ignore=shutil.ignore_patterns("*_test.yaml", "invariants.yaml"))
    (folder / "actions.yaml").write_text(f"rules:\n{rules}")
    ran = casemate("policy", "explain", "--facts", "-", "--bundle", str(folder), stdin=facts.encode())
    assert ran.code == 0, ran.err
    assert ran.out.split("\n", 1)[1] == printed
