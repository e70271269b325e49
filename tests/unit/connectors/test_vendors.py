"""Each shipped connector against its vendor's public shapes: done, seen, taken back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.clock import FixedClock
from core.errors import ToolRefused
from tests.unit.connectors.conftest import SECRETS, Make
from tests.unit.connectors.target import Target
from tests.unit.connectors.vendors import ACCOUNT, ACTIONS, HOST, MACHINE, SHA256, VENDORS, Google, Vendor
from tools.connectors.connector import Connector
from tools.connectors.loading import SHIPPED
from tools.connectors.rest import RestConnector


@pytest.fixture
def vendor(make: Make, target: Target, tmp_path: Path) -> Any:
    """Builds a vendor and the shipped connector that talks to it."""

    def build(name: str) -> tuple[Vendor, RestConnector]:
        kind, values = VENDORS[name]
        made = kind()
        if isinstance(made, Google):
            (tmp_path / "secrets" / "google_service_account").write_text(_service_account(made))
        target.handle = made
        return made, make(name, **{key: text.format(url=target.url) for key, text in values.items()})

    return build


def _service_account(google: Google) -> str:
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = generate_private_key(public_exponent=65537, key_size=2048)
    google.public_key = key.public_key()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    who = "casemate@project.iam.gserviceaccount.com"
    return json.dumps({"type": "service_account", "client_email": who, "private_key": pem, "private_key_id": "k1"})


def test_every_shipped_connector_is_tried() -> None:
    assert {path.stem for path in SHIPPED.glob("*.yaml")} == set(VENDORS) == {name for name, *_ in ACTIONS}


@pytest.mark.parametrize(("name", "tool", "args", "undone"), ACTIONS)
def test_what_is_done_is_seen_and_taken_back(
    vendor: Any, name: str, tool: str, args: dict[str, str], undone: bool
) -> None:
    _, made = vendor(name)
    connector: Connector = made
    assert connector.probe(tool, args, "k1").state in ("no", "unknown")
    assert connector.execute(tool, args, "k1").accepted
    assert connector.probe(tool, args, "k1").state == "yes"
    taken = connector.undo(tool, args, "k1-undo")
    assert taken.accepted is undone
    if undone:
        assert connector.probe(tool, args, "k1").state == "no" or (name, tool) == (
            "microsoft-graph",
            "quarantine_email",
        )


@pytest.mark.parametrize(("name", "tool"), [("okta", "revoke_sessions"), ("google-workspace", "revoke_sessions")])
def test_what_nobody_can_look_at_is_blind_and_says_why(vendor: Any, name: str, tool: str) -> None:
    _, connector = vendor(name)
    assert connector.execute(tool, {"account": ACCOUNT}, "k1").accepted
    seen = connector.probe(tool, {"account": ACCOUNT}, "k1")
    assert (seen.state, seen.blind) == ("unknown", True)
    assert "cannot say which sessions" in seen.detail["reason"]


def test_a_token_is_fetched_once_and_again_before_it_ends(vendor: Any, clock: FixedClock, target: Target) -> None:
    made, connector = vendor("crowdstrike")
    connector.execute("isolate_host", {"host": HOST}, "k1")
    connector.probe("isolate_host", {"host": HOST}, "k1")
    assert made.tokens == 1
    clock.advance(seconds=3599 - 60)
    assert connector.probe("isolate_host", {"host": HOST}, "k1").state == "yes"
    assert made.tokens == 2
    made.tokens += 1  # the vendor voids it: refused once, then a fresh one
    assert connector.execute("isolate_host", {"host": HOST}, "k1").accepted
    assert made.tokens == 4


@pytest.mark.parametrize("status", ["Pending", "InProgress"])
def test_an_isolation_under_way_is_neither_yes_nor_no(vendor: Any, status: str) -> None:
    made, connector = vendor("microsoft-defender")
    made.state["jobs"] = status
    sent = connector.execute("isolate_host", {"host": HOST}, "k1")
    assert sent.detail == {"status": 201, "action": "job-0"}
    assert connector.probe("isolate_host", {"host": HOST}, "k1").state == "unknown"
    made.state["actions"][0]["status"] = "Failed"
    assert connector.probe("isolate_host", {"host": HOST}, "k1").state == "no"


def test_containment_under_way_is_neither_yes_nor_no(vendor: Any) -> None:
    made, connector = vendor("crowdstrike")
    made.state["under_way"] = "containment_pending"
    assert connector.execute("isolate_host", {"host": HOST}, "k1").accepted
    assert connector.probe("isolate_host", {"host": HOST}, "k1").state == "unknown"


def test_a_mail_is_quarantined_in_every_mailbox_it_came_to(vendor: Any) -> None:
    made, connector = vendor("microsoft-graph")
    connector.execute("quarantine_email", {"message_id": "<x1@evil.example>"}, "k1")
    assert made.state["mails"] == {"n1": "quarantine", "n2": "quarantine"}
    made.state["mails"]["n2"] = "inbox_folder"  # one copy got away
    assert connector.probe("quarantine_email", {"message_id": "<x1@evil.example>"}, "k1").state == "unknown"


def test_the_key_goes_along_and_the_comment_names_it(vendor: Any, target: Target) -> None:
    _, connector = vendor("microsoft-defender")
    connector.execute("isolate_host", {"host": HOST}, "casemate-prp_1")
    [sent] = target.seen("POST", f"/api/machines/{MACHINE}/isolate")
    assert sent.json == {"Comment": "casemate casemate-prp_1", "IsolationType": "Full"}
    assert sent.headers["content-type"] == "application/json"


def test_a_webhook_that_is_repeated_has_the_same_id_and_probes_have_others(vendor: Any, target: Target) -> None:
    made, connector = vendor("webhook")
    for _ in range(2):
        connector.execute("isolate_host", {"host": HOST}, "casemate-prp_1")
        connector.probe("isolate_host", {"host": HOST}, "casemate-prp_1")
    ids = [asked.headers["webhook-id"] for asked in target.asked]
    assert ids[0] == ids[2] == "casemate-prp_1"
    assert len({ids[1], ids[3], "casemate-prp_1"}) == 3
    assert made.state["done"] == [{"host": HOST}], "the receiver drops what it has seen"


@pytest.mark.parametrize(
    "action",
    [
        ("microsoft-defender", "isolate_host", {"host": "WS-TRE-01"}, "knows no such machine"),
        ("microsoft-defender", "isolate_host", {"host": "x') or true or ('"}, "no host name"),
        ("microsoft-defender", "isolate_host", {"host": "203.0.113.9"}, "no host name"),
        ("microsoft-defender", "block_indicator", {"indicator": "a@evil.example"}, "no email"),
        ("crowdstrike", "block_indicator", {"indicator": "evil.example"}, "md5, sha256, and no domain"),
        ("crowdstrike", "block_indicator", {"indicator": SHA256[:40]}, "no sha1"),
        ("crowdstrike", "isolate_host", {"host": "a'+status:'normal"}, "no host name"),
        ("microsoft-graph", "quarantine_email", {"message_id": "x' or 'a' eq 'a"}, "no Message-ID"),
        ("microsoft-graph", "quarantine_email", {"message_id": "other@evil.example"}, "knows no such copies"),
        ("microsoft-graph", "disable_account", {"account": "nobody"}, "knows no such user"),
        ("okta", "disable_account", {"account": "nobody"}, "knows no such user"),
        ("okta", "disable_account", {"account": ".."}, "segment"),
        ("aws-iam", "rotate_secret", {"secret": "password", "owner": "svc-backup"}, "not what this connector can take"),
        ("aws-iam", "rotate_secret", {"secret": "AKIAIOSFODNN7EXAMPLE", "owner": "a b"}, "`args.owner`"),
    ],
)
def test_what_a_target_cannot_take_is_refused_before_anything_acts(
    vendor: Any, target: Target, action: tuple[str, str, dict[str, str], str]
) -> None:
    name, tool, args, says = action
    _, connector = vendor(name)
    with pytest.raises(ToolRefused, match=says) as refused:
        connector.execute(tool, args, "k1")
    assert all(value not in str(refused.value) for value in args.values() if len(value) > 3)
    assert {asked.method for asked in target.asked if "token" not in asked.path} <= {"GET"}, "look-ups at most"


@pytest.mark.parametrize(("name", "tool", "args"), [(name, tool, args) for name, tool, args, _ in ACTIONS])
def test_no_secret_and_no_argument_is_in_what_comes_back(
    vendor: Any, target: Target, name: str, tool: str, args: dict[str, str]
) -> None:
    _, connector = vendor(name)
    said = repr(
        [connector.execute(tool, args, "k1"), connector.probe(tool, args, "k1"), connector.undo(tool, args, "u")]
    )
    assert [secret for secret in SECRETS.values() if secret in said] == []
    assert [value for value in args.values() if value in said] == []
    assert target.asked
