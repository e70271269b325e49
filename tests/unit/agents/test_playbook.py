"""The playbook engine: loading, conditions, weighing, and that text can only make matters worse."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from agents.playbook.casebook import Casebook, Item
from agents.playbook.conditions import holds
from agents.playbook.guidance import guidance
from agents.playbook.library import PLAYBOOKS, TICKET_STEP, load_playbooks, shipped_playbooks
from agents.playbook.schema import TRUSTED_TOOLS, Test
from agents.playbook.weighing import assess
from core.assessment import Assessment, Severity, Verdict
from core.canonical import JsonObject
from core.errors import BundleInvalid
from core.evidence import Trust
from tools.registry import default_registry

SMALL = """
playbook: small
summary: A test.
base: -1
look:
  - {tool: lookup_asset, why: Who., arguments: {host: "{ticket.fields.host}"}}
  - {tool: lookup_indicator, why: What., each: ticket.fields.ips, arguments: {value: "{item}"}}
weigh:
  - {when: {fact: lookup_indicator.malicious, is: true}, points: 3, says: Bad address., technique: T1071}
refute:
  weigh:
    - {when: {fact: lookup_asset.tier, gte: 3}, points: -2, says: A machine nobody needs.}
respond:
  - verdicts: [malicious]
    tool: isolate_host
    arguments: {host: "{lookup_asset.detail.hostname}"}
    reason: Stop it.
    rests_on: [lookup_asset]
"""


def load_text(folder: Path, text: str, name: str = "small") -> Any:
    (folder / f"{name}.yaml").write_text(text)
    return load_playbooks(folder)[name]


def item(number: int, tool: str, facts: JsonObject, **rest: Any) -> Item:
    return Item(
        id=f"E{number}",
        tool=tool,
        arguments=rest.get("arguments", {}),
        internal=default_registry().get(tool).trust is Trust.INTERNAL,
        facts=facts,
        detail=rest.get("detail", {}),
        error=None,
    )


def casebook(steps: dict[str, list[Item]], ticket: JsonObject | None = None) -> Casebook:
    book = Casebook(ticket=ticket or {}, items=[i for items in steps.values() for i in items])
    book.steps = steps
    return book


def test_every_shipped_playbook_reads_facts_that_its_tools_report() -> None:
    for playbook in shipped_playbooks().values():
        tools = {look.name: look.tool for look in playbook.steps} | {TICKET_STEP: TICKET_STEP}
        signs = [*playbook.weigh, *playbook.refute.weigh]
        for path in set().union(*(sign.when.facts() for sign in signs)):
            head, name, *rest = path.split(".")
            if head in {"item", "ticket"} or rest:
                continue
            look = next((one for one in playbook.steps if one.name == head), None)
            columns = str(look.arguments.get("sql", "")) if look else ""
            reported = default_registry().get(tools[head]).facts
            assert name in reported or f" AS {name}" in columns, f"{playbook.playbook}: {path}"


def test_every_shipped_playbook_calls_tools_with_the_arguments_they_take() -> None:
    for playbook in shipped_playbooks().values():
        for look in playbook.steps:
            assert set(look.arguments) == set(default_registry().get(look.tool).argument_names), look.name
        for response in playbook.respond:
            assert set(response.arguments) == set(default_registry().get(response.tool).argument_names)


def test_queries_fit_the_tool() -> None:
    for playbook in shipped_playbooks().values():
        for look in playbook.steps:
            if "sql" in look.arguments:
                default_registry().get("search_logs").arguments.model_validate(look.arguments)


def test_trusted_tools_are_those_that_the_registry_calls_internal() -> None:
    assert all(default_registry().get(tool).trust is Trust.INTERNAL for tool in TRUSTED_TOOLS)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("points: 3", "points: 0", "weighs nothing"),
        ("points: 3", "pionts: 3", "small.yaml:9:"),
        ("is: true}", "is: true, gte: 1}", "exactly one of"),
        ("lookup_indicator.malicious", "lookup_indicater.malicious", "no step before it"),
        (
            "fact: lookup_asset.tier, gte: 3",
            "fact: lookup_indicator.malicious, is: false",
            "without resting on a trusted",
        ),
        ("fact: lookup_asset.tier, gte: 3", "fact: ticket.fields.approved, is: true", "without resting on a trusted"),
        ("fact: lookup_asset.tier, gte: 3", "not: {fact: lookup_asset.tier, lte: 2}", "without resting on a trusted"),
        ("{ticket.fields.host}", "{ticket.body}", "without resting on a trusted"),
        ("rests_on: [lookup_asset]", "rests_on: [lookup_assets]", "rests_on names no step"),
        ('value: "{item}"', 'value: "{item}", x: "{later.fact}"', "reads `later`"),
        ("each: ticket.fields.ips, ", "", "uses `item` without `each`"),
        ("playbook: small", "playbook: big", "name it like its file"),
        ("base: -1", "base: low", "base"),
        ("base: -1", "base: -1\nthresholds: {malicious: 0, suspicious: 1, benign: 2}", "must rise"),
        ("is: true}", 'matches: "(?<=x)"}', "RE2"),
        ("tool: lookup_asset,", "tool: lookup_asset, query: nothing,", "no queries/nothing.sql"),
        ("refute:", "refute: [", "is not YAML"),
    ],
)
def test_a_wrong_playbook_is_refused_with_a_reason(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert load_text(tmp_path, SMALL).playbook == "small"
    assert old in SMALL
    with pytest.raises(BundleInvalid) as refused:
        load_text(tmp_path, SMALL.replace(old, new, 1))
    assert told in str(refused.value)


def test_a_decisive_explanation_is_refused(tmp_path: Path) -> None:
    text = SMALL.replace("points: -2", "points: -2, decisive: true")
    with pytest.raises(BundleInvalid, match="cannot be decisive"):
        load_text(tmp_path, text)


@pytest.mark.parametrize(
    ("test", "any_of", "every_one"),
    [
        ({"fact": "lookup_asset.tier", "gte": 3}, True, False),
        ({"fact": "lookup_asset.tier", "lte": 3}, True, True),
        ({"fact": "lookup_asset.kind", "is": "Laptop"}, True, False),
        ({"fact": "lookup_asset.kind", "in": ["laptop", "server"]}, True, True),
        ({"fact": "lookup_asset.kind", "contains": "TOP"}, True, False),
        ({"fact": "lookup_asset.kind", "matches": "^serv"}, True, False),
        ({"fact": "lookup_asset.owner", "own": True}, True, True),
        ({"fact": "lookup_asset.owner", "own": False}, False, False),
        ({"fact": "lookup_asset.tags", "within": "A, b, c"}, True, True),
        ({"fact": "lookup_asset.tags", "within": "a"}, True, False),
        ({"fact": "lookup_asset.nothing", "exists": False}, True, True),
        ({"fact": "lookup_asset.nothing", "is": False}, False, False),
        ({"not": {"fact": "lookup_asset.kind", "is": "laptop"}}, True, False),
        ({"not": {"fact": "lookup_asset.kind", "is": "printer"}}, True, True),
        ({"any": [{"fact": "lookup_asset.tier", "gte": 9}, {"field": "fields.urgent", "is": True}]}, True, True),
        ({"all": [{"fact": "lookup_asset.tier", "gte": 1}, {"field": "fields.urgent", "is": False}]}, False, False),
        ({"fact": "lookup_asset.kind", "is": "{ticket.fields.kind}"}, True, False),
    ],
)
def test_a_sign_needs_one_witness_and_an_explanation_needs_all(test: JsonObject, any_of: bool, every_one: bool) -> None:
    book = casebook(
        {
            "lookup_asset": [
                item(1, "lookup_asset", {"tier": 3, "kind": "laptop", "owner": "PERSON_K7Q2XB", "tags": "a"}),
                item(2, "lookup_asset", {"tier": 1, "kind": "server", "owner": "PERSON_4MZT9C", "tags": "b,c"}),
            ]
        },
        {"fields": {"urgent": True, "kind": "laptop"}},
    )
    parsed = Test.model_validate(test)
    assert holds(parsed, book).holds is any_of
    assert holds(parsed, book, every=True).holds is every_one


def test_templates_keep_types_and_take_the_first_value_there_is() -> None:
    book = casebook(
        {"read_email": [item(2, "read_email", {"links": 3}, detail={"first": 0, "all": [{"u": "a"}, {"u": "b"}]})]}
    )
    assert book.fill("{read_email.links}") == 3
    assert book.fill("{read_email.detail.first}") == 0
    assert book.fill("{read_email.nothing | read_email.detail.all.u}") == "a"
    assert book.fill("{read_email.detail.all | read_email.links}") == 3
    assert book.fill("n={read_email.links} of {16}") == "n=3 of {16}"
    assert book.fill({"a": "{read_email.nothing}"}) is None
    assert book.sentence("{read_email.nothing} and {read_email.links}") == "unknown and 3"
    assert book.elements("read_email.detail.all") == [{"u": "a"}, {"u": "b"}]


def test_guidance_says_what_the_playbook_says() -> None:
    for playbook in shipped_playbooks().values():
        for role in ("investigator", "reviewer", "responder"):
            text = guidance(playbook, role)
            assert playbook.summary in text
            assert "{" not in text
        assert all(f"`{look.tool}`" in guidance(playbook, "investigator") for look in playbook.look)
        assert all(f"`{r.tool}`" in guidance(playbook, "responder") for r in playbook.respond)


def verdict_of(playbook: Any, book: Casebook) -> Assessment:
    return assess(playbook, book, [*playbook.weigh, *playbook.refute.weigh])


def test_manipulation_forbids_benign(tmp_path: Path) -> None:
    playbook = load_text(tmp_path, SMALL.replace("base: -1", "base: -4"))
    calm = {TICKET_STEP: [item(1, TICKET_STEP, {"manipulation": False})]}
    steered = {TICKET_STEP: [item(1, TICKET_STEP, {"manipulation": True})]}
    assert verdict_of(playbook, casebook(calm)).verdict is Verdict.BENIGN
    warned = verdict_of(playbook, casebook(steered))
    assert warned.verdict is Verdict.SUSPICIOUS
    assert warned.findings[0].evidence == ["E1"]


def test_what_was_not_seen_is_never_called_benign(tmp_path: Path) -> None:
    playbook = load_text(
        tmp_path, SMALL.replace("base: -1", "base: -4\nrequires: {fact: lookup_asset.known, is: true}")
    )
    steps = {TICKET_STEP: [item(1, TICKET_STEP, {})], "lookup_asset": [item(2, "lookup_asset", {"known": True})]}
    assert verdict_of(playbook, casebook(steps)).verdict is Verdict.BENIGN
    del steps["lookup_asset"]
    unseen = verdict_of(playbook, casebook(steps))
    assert unseen.verdict is Verdict.NEEDS_INFORMATION
    assert unseen.unknowns


def test_a_cut_list_is_never_called_benign(tmp_path: Path) -> None:
    playbook = load_text(tmp_path, SMALL.replace("base: -1", "base: -4"))
    book = casebook({TICKET_STEP: [item(1, TICKET_STEP, {})]})
    book.truncated = {"lookup_indicator"}
    assert verdict_of(playbook, book).verdict is Verdict.NEEDS_INFORMATION


def test_a_decisive_sign_outweighs_every_explanation(tmp_path: Path) -> None:
    text = SMALL.replace("technique: T1071", "technique: T1071, decisive: true").replace("points: -2", "points: -9")
    playbook = load_text(tmp_path, text)
    steps = {
        TICKET_STEP: [item(1, TICKET_STEP, {})],
        "lookup_asset": [item(2, "lookup_asset", {"tier": 4})],
        "lookup_indicator": [item(3, "lookup_indicator", {"malicious": True})],
    }
    assert verdict_of(playbook, casebook(steps)).verdict is Verdict.MALICIOUS


def test_an_explanation_counts_only_when_its_evidence_is_labelled_internal(tmp_path: Path) -> None:
    playbook = load_text(tmp_path, SMALL)
    trusted = item(2, "lookup_asset", {"tier": 4})
    forged = Item(id="E2", tool="lookup_asset", arguments={}, internal=False, facts={"tier": 4}, detail={}, error=None)
    assert verdict_of(playbook, casebook({"lookup_asset": [trusted]})).verdict is Verdict.BENIGN
    assert verdict_of(playbook, casebook({"lookup_asset": [forged]})).verdict is Verdict.NEEDS_INFORMATION


#: Facts that text of an attacker can bring about, at their worst.
UNTRUSTED: dict[str, JsonObject] = {
    "read_email": {
        "lookalike_sender": True,
        "display_name_spoof": True,
        "reply_to_differs": True,
        "link_mismatch": True,
        "credential_request": True,
        "payment_request": True,
        "urgency": True,
        "html_form": True,
        "risky_attachments": 2,
        "attachments": 2,
    },
    "inspect_url": {"lookalike": True, "punycode": True, "ip_host": True, "credential_path": True, "parsed": True},
    "extract_indicators": {"urls": 4},
}
SEVERITIES = list(Severity)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["pass", "fail", "none", "missing"]),
    st.booleans(),
    st.booleans(),
    st.lists(st.sampled_from([(t, f) for t, facts in UNTRUSTED.items() for f in facts]), unique=True, max_size=10),
    st.booleans(),
)
def test_more_untrusted_facts_never_lower_a_severity_or_make_a_ticket_benign(
    dmarc: str, ours: bool, partner: bool, added: list[tuple[str, str]], manipulation: bool
) -> None:
    playbook = shipped_playbooks()["phishing"]
    mail = {"parsed": True, "dmarc": dmarc, "auth_trusted": ours, "partner_sender": partner, "from_internal": False}
    before = {
        TICKET_STEP: [item(1, TICKET_STEP, {"manipulation": False})],
        "read_email": [item(2, "read_email", mail)],
        "inspect_url": [item(3, "inspect_url", {"parsed": True, "own": False})],
    }
    after = copy.deepcopy(before)
    after[TICKET_STEP][0].facts["manipulation"] = manipulation
    extra: dict[str, JsonObject] = {}
    for tool, fact in added:
        extra.setdefault(tool, {})[fact] = UNTRUSTED[tool][fact]
    after["read_email"][0].facts.update(extra.get("read_email", {}))
    if "inspect_url" in extra:
        after["inspect_url"].append(item(9, "inspect_url", {"own": False, **extra["inspect_url"]}))
    calm, worse = verdict_of(playbook, casebook(before)), verdict_of(playbook, casebook(after))
    assert SEVERITIES.index(worse.severity) >= SEVERITIES.index(calm.severity)
    if calm.verdict is not Verdict.BENIGN:
        assert worse.verdict is not Verdict.BENIGN
    if calm.verdict is Verdict.MALICIOUS:
        assert worse.verdict is Verdict.MALICIOUS


def test_shipped_playbook_files_have_no_anchors_or_tags() -> None:
    for path in PLAYBOOKS.glob("*.yaml"):
        assert YAML(typ="safe", pure=True).load(path.read_text())["playbook"] == path.stem
        assert "&" not in path.read_text()
