"""Everything that may go wrong between us and a target, told apart by what it means for the action."""

from __future__ import annotations

import datetime as dt
import ssl
from pathlib import Path
from typing import Any

import pytest

from core.clock import FixedClock
from core.errors import SecretMissing, TargetUnavailable, ToolRefused, TriageError
from core.secret_store import SecretStore
from tests.servers import free_port
from tests.unit.connectors.conftest import Make, shelf_of
from tests.unit.connectors.target import Answer, Asked, Target, target_server
from tools.connectors.connector import Connector, Preparing, Versioned, prepared
from tools.connectors.rest import RestConnector

PLAIN = """
name: plain
description: A target that does one thing
base_url: URL
auth: {bearer: {token: plain_token}}
limits: {per_minute: 60, answer_seconds: 1, connect_seconds: 1, answer_bytes: 20000}
tools:
  isolate_host:
    repeatable: true
    find:
      device: {url: "/devices", query: {name: "${args.host}"}, among: /found, value: /id}
    send:
      url: /devices/${found.device}/isolate
      body: {key: "${key}"}
      success: {status: [200], where: [{at: /ok, equals: true}]}
    probe:
      url: /devices/${found.device}
      yes: [{where: [{at: /isolated, equals: true}]}]
      no: [{where: [{at: /isolated, equals: false}]}]
"""
HOST = {"host": "WS-1"}


@pytest.fixture
def plain(make: Make, target: Target) -> RestConnector:
    """A connector whose target does what it is asked for."""
    target.handle = working
    target.first_for = lambda asked: asked.method == "POST"
    return make("plain", PLAIN.replace("URL", target.url))


def working(asked: Asked) -> Answer | None:
    match asked.method, asked.path:
        case "GET", "/devices":
            return Answer(body={"found": [{"id": "d-1"}]})
        case "GET", "/devices/d-1":
            return Answer(body={"isolated": True})
        case "POST", "/devices/d-1/isolate":
            return Answer(body={"ok": True})
    return None


def test_a_connector_is_what_the_executor_wants(plain: RestConnector) -> None:
    connector: Connector = plain
    assert isinstance(connector, Preparing)
    assert isinstance(connector, Versioned)


def test_nothing_acts_before_it_is_sent(plain: RestConnector, target: Target) -> None:
    send = prepared(plain, "isolate_host", HOST, "k1")
    assert [asked.method for asked in target.asked] == ["GET"]
    assert send().accepted
    assert [asked.method for asked in target.asked] == ["GET", "POST"]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=429, headers={"Retry-After": "120"}),
        Answer(status=429, headers={"Retry-After": "Mon, 05 Jan 2026 09:02:00 GMT"}),
        Answer(status=429),
    ],
)
def test_a_target_that_wants_patience_is_left_alone_for_as_long_as_it_says(
    plain: RestConnector, target: Target, clock: FixedClock, answer: Answer
) -> None:
    target.first.append(answer)
    with pytest.raises(TargetUnavailable, match="left alone for"):
        plain.execute("isolate_host", HOST, "k1")
    asked = len(target.asked)
    clock.advance(seconds=119 if answer.headers else 29)
    with pytest.raises(TargetUnavailable, match="another 1 seconds"):
        plain.execute("isolate_host", HOST, "k1")
    assert plain.probe("isolate_host", HOST, "k1").state == "unknown"
    assert len(target.asked) == asked, "not even asked"
    clock.advance(seconds=1)
    assert plain.execute("isolate_host", HOST, "k1").accepted


def test_a_target_that_is_away_was_not_asked(make: Make) -> None:
    away = make("plain", PLAIN.replace("URL", f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(TargetUnavailable, match="nothing was sent"):
        away.execute("isolate_host", HOST, "k1")
    assert away.probe("isolate_host", HOST, "k1").state == "unknown"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(silent=True),
        Answer(hang_up=True),
        Answer(status=500, body={"error": "oops"}),
        Answer(status=503),
        Answer(status=200, body=b"{not json"),
        Answer(status=200, body=b'{"ok": true, "ok": true}'),
        Answer(status=200, body=b'{"ok": 1e999}'),
        Answer(status=200, body=b"[" * 5000 + b"]" * 5000),
        Answer(status=200, endless=1 << 20),
        Answer(status=200, body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"}),
    ],
    ids=lambda answer: f"{answer.status}-{answer.silent}-{answer.hang_up}-{answer.endless}-{str(answer.body)[:16]}",
)
def test_a_request_without_an_answer_that_can_be_used_is_lost_not_failed(
    plain: RestConnector, target: Target, answer: Answer
) -> None:
    target.first.append(answer)
    sent = plain.execute("isolate_host", HOST, "k1")
    assert (sent.accepted, sent.lost) == (False, True)
    assert len(target.seen("POST", "/devices/d-1/isolate")) == 1, "and it is not sent again by itself"
    assert plain.probe("isolate_host", HOST, "k1").state == "yes"


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 403, 404, 409, 422])
def test_a_refusal_is_one(plain: RestConnector, target: Target, status: int) -> None:
    with target_server() as elsewhere:
        target.first.append(Answer(status=status, body=b"<html>", headers={"Location": f"{elsewhere.url}/x"}))
        sent = plain.execute("isolate_host", HOST, "k1")
        assert elsewhere.asked == [], "no redirect is followed, with or without our token"
    assert (sent.accepted, sent.lost, sent.detail) == (False, False, {"status": status})


def test_an_answer_that_says_no_in_its_body_is_a_refusal(plain: RestConnector, target: Target) -> None:
    target.first.append(Answer(body={"ok": False, "reason": "WS-1 is a server"}))
    sent = plain.execute("isolate_host", HOST, "k1")
    assert (sent.accepted, sent.lost, sent.detail) == (False, False, {"status": 200})


def test_credentials_that_are_not_taken_wait_for_an_operator(plain: RestConnector, target: Target) -> None:
    target.first.append(Answer(status=401))
    with pytest.raises(TargetUnavailable, match="does not take our credentials"):
        plain.execute("isolate_host", HOST, "k1")
    assert plain.execute("isolate_host", HOST, "k1").accepted


def test_a_secret_that_is_missing_waits_for_an_operator(plain: RestConnector, tmp_path: Path, target: Target) -> None:
    secret = tmp_path / "secrets" / "plain_token"
    text = secret.read_text()
    secret.unlink()
    with pytest.raises(TargetUnavailable, match="There is no secret 'plain_token'"):
        plain.execute("isolate_host", HOST, "k1")
    assert target.asked == []
    secret.write_text(text)
    assert plain.execute("isolate_host", HOST, "k1").accepted


@pytest.mark.parametrize(
    "answer", [Answer(status=500), Answer(silent=True), Answer(body=b"<html>"), Answer(status=502)]
)
def test_a_look_up_that_fails_acts_on_nothing_and_is_tried_again(
    plain: RestConnector, target: Target, answer: Answer
) -> None:
    target.first_for = lambda asked: asked.path == "/devices"
    target.first.append(answer)
    with pytest.raises(TargetUnavailable):
        plain.execute("isolate_host", HOST, "k1")
    assert not any(asked.method == "POST" for asked in target.asked)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(body={"found": []}), "no such device"),
        (Answer(body={"found": [{"id": "d-1"}, {"id": "d-2"}]}), "2 entries for the device"),
        (Answer(body={"found": [{"name": "x"}]}), "lacks what is needed"),
        (Answer(body={"found": "d-1"}), "no such device"),
        (Answer(body={"found": [{"id": {"a": 1}}]}), "no single value"),
        (Answer(body={"found": [{"id": "../../admin"}]}), None),
        (Answer(status=404), "no such device"),
        (Answer(status=403), "refuses to look up"),
        (Answer(status=302, headers={"Location": "http://127.0.0.1:1/"}), "refuses to look up"),
    ],
)
def test_a_look_up_that_does_not_give_exactly_one_acts_on_nothing(
    plain: RestConnector, target: Target, answer: Answer, says: str | None
) -> None:
    target.first_for = lambda asked: asked.path == "/devices"
    target.first.append(answer)
    if says is None:  # an id is data: it stays inside its segment
        plain.execute("isolate_host", HOST, "k1")
        assert target.asked[-1].raw_path == "/devices/..%2F..%2Fadmin/isolate"
        return
    with pytest.raises(ToolRefused, match=says):
        plain.execute("isolate_host", HOST, "k1")
    assert not any(asked.method == "POST" for asked in target.asked)


def test_no_more_is_asked_a_minute_than_its_file_says(plain: RestConnector, target: Target, clock: FixedClock) -> None:
    for _ in range(30):  # two requests each
        assert plain.execute("isolate_host", HOST, "k1").accepted
    with pytest.raises(TargetUnavailable, match="may not be asked for another 2 seconds"):
        plain.execute("isolate_host", HOST, "k1")
    clock.advance(seconds=2)
    assert plain.execute("isolate_host", HOST, "k1").accepted
    assert len(target.asked) == 62


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch, make: Make, target: Target) -> None:
    with target_server() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        target.handle = working
        assert make("plain", PLAIN.replace("URL", target.url)).execute("isolate_host", HOST, "k1").accepted
        assert proxy.asked == []


def test_a_webhook_secret_that_is_none_is_named(make: Make, target: Target, tmp_path: Path) -> None:
    (tmp_path / "secrets" / "webhook_signing").write_text("not base64 at all!")
    webhook = make("webhook", url=target.url)
    with pytest.raises(TargetUnavailable, match="'webhook_signing' should be"):
        webhook.execute("isolate_host", HOST, "k1")
    assert target.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=400, body={"error": "invalid_client", "error_description": "s3cr3t-cs is wrong"}),
        Answer(status=200, body={"access_token": "a\r\nb"}),
        Answer(status=200, body={"token": "a"}),
        Answer(status=200, body=b"<html>"),
        Answer(hang_up=True),
    ],
)
def test_without_a_token_nothing_is_sent(make: Make, target: Target, answer: Answer) -> None:
    target.handle = lambda asked: answer
    falcon = make("crowdstrike", url=target.url)
    with pytest.raises(TargetUnavailable) as raised:
        falcon.execute("isolate_host", HOST, "k1")
    assert "s3cr3t" not in str(raised.value)
    assert {asked.path for asked in target.asked} == {"/oauth2/token"}


# --- TLS


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1 that nobody vouches for, and a server that shows it."""
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "target")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    pem, private = tmp_path / "ca.pem", tmp_path / "key.pem"
    pem.write_bytes(made.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, private)
    return pem, context


def test_a_certificate_nobody_vouches_for_is_not_talked_to(
    tmp_path: Path, certificate: tuple[Path, ssl.SSLContext], secrets: SecretStore, clock: FixedClock
) -> None:
    pem, context = certificate
    with target_server(context) as target:
        target.handle = working
        text = PLAIN.replace("URL", target.url)
        routes = f"connectors:\n  plain:\n    ca_file: {pem}\n"
        shelf = shelf_of(tmp_path / "c", {"plain.yaml": text, "routes.yaml": routes})
        stranger = RestConnector(shelf.connectors["plain"], secrets, clock)
        with pytest.raises(TargetUnavailable):
            stranger.execute("isolate_host", HOST, "k1")
        assert target.asked == []
        known = RestConnector(shelf.connectors["plain"], secrets, clock, ca_file=shelf.ca_file("plain"))
        assert known.execute("isolate_host", HOST, "k1").accepted
        stranger.close()
        known.close()


def test_certificates_that_cannot_be_read_are_named(make: Make, secrets: SecretStore, clock: FixedClock) -> None:
    written: Any = make("plain", PLAIN.replace("URL", "http://127.0.0.1:9")).written
    with pytest.raises(TriageError, match="name a PEM file"):
        RestConnector(written, secrets, clock, ca_file="/nowhere/ca.pem")


def test_a_missing_secret_is_a_case_of_its_own() -> None:
    assert not issubclass(SecretMissing, TargetUnavailable), "so that nothing else takes it for patience"
