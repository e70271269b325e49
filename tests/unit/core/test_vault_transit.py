"""Data keys under HashiCorp Vault's Transit engine, over real HTTP: what opens, and how each trouble reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from core.clock import FixedClock
from core.errors import CasemateError, Temporary, VaultError
from core.keyring import Several, open_keys
from core.settings import Settings
from core.store.engine import Store
from core.transit import Transit
from core.vault import Keyring, WrappedKey
from tests.samples import stored_ticket
from tests.transit_server import Engine, transit_server
from workflows.rotate import rotate


@pytest.fixture
def engine() -> Iterator[Engine]:
    with transit_server() as running:
        yield running


def transit(engine: Engine, *, token: str = "hvs.good", timeout: float = 5.0) -> Transit:
    return Transit(url=engine.url, key="casemate", token=lambda: token, timeout=timeout)


def settings(engine: Engine, home: Path, **changes: object) -> Settings:
    return Settings.model_validate(
        {"home": home, "transit_url": engine.url, "transit_token": SecretStr("hvs.good"), **changes}
    )


def test_a_data_key_is_wrapped_by_the_server_and_opens_again_in_another_process(engine: Engine) -> None:
    key, wrapped = transit(engine).new_key("tkt_1")
    assert wrapped.key_id == "transit/casemate:v1"
    assert key not in wrapped.wrapped
    assert transit(engine).unwrap("tkt_1", wrapped) == key


def test_a_wrapped_key_does_not_open_for_another_ticket(engine: Engine) -> None:
    _, wrapped = transit(engine).new_key("tkt_1")
    with pytest.raises(VaultError, match="another place"):
        transit(engine).unwrap("tkt_2", wrapped)


def test_a_key_that_was_just_opened_is_not_asked_for_again(engine: Engine) -> None:
    keys = transit(engine)
    _, wrapped = keys.new_key("tkt_1")
    asked = len(engine.asked)
    keys.unwrap("tkt_1", wrapped)
    assert len(engine.asked) == asked


def test_a_rotation_at_the_server_is_followed_and_old_versions_still_open(engine: Engine) -> None:
    keys = transit(engine)
    key, wrapped = keys.new_key("tkt_1")
    engine.rotate()
    assert keys.current() == "transit/casemate:v2"
    again = transit(engine).rewrap("tkt_1", wrapped)
    assert again.key_id == "transit/casemate:v2"
    assert transit(engine).unwrap("tkt_1", again) == key


def test_a_server_that_ignores_associated_data_is_refused(engine: Engine) -> None:
    engine.binds = False
    with pytest.raises(Temporary, match="ignores associated data"):
        transit(engine).new_key("tkt_1")


def refusal(engine: Engine, *, token: str = "hvs.good", timeout: float = 5.0) -> CasemateError:
    with pytest.raises(Temporary) as refused:
        transit(engine, token=token, timeout=timeout).new_key("tkt_1")
    assert token not in str(refused.value)
    assert str(refused.value).count("\n") == 0
    assert refused.value.__cause__ is None
    return refused.value


def test_a_wrong_token_is_one_sentence_and_the_ticket_waits(engine: Engine) -> None:
    assert "refuses the token" in str(refusal(engine, token="hvs.bad"))


def test_a_sealed_server_is_one_sentence_and_the_ticket_waits(engine: Engine) -> None:
    engine.sealed = True
    assert "sealed" in str(refusal(engine))


def test_a_server_that_does_not_answer_is_given_up_after_the_timeout(engine: Engine) -> None:
    engine.silent = True
    assert "does not answer (ReadTimeout)" in str(refusal(engine, timeout=0.2))


def test_a_server_that_is_not_there_says_so(engine: Engine) -> None:
    engine.url = "http://127.0.0.1:9"
    assert "does not answer" in str(refusal(engine))


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (200, b"<html>welcome</html>", "something else"),
        (200, b"[]", "something else"),
        (200, b'{"data": {"ciphertext": "plain"}}', "no ciphertext"),
        (200, b'{"data": {"ciphertext": 7}}', "no ciphertext"),
        (200, b'{"data": {"ciphertext": "vault:v1:c2hvcnQ="}}', "no ciphertext"),
        (307, b"", "something else"),
        (400, b'{"errors": ["no such key"]}', "refuses to wrap"),
        (404, b'{"errors": []}', "is not there"),
        (429, b"{}", "fails"),
        (500, b"{}", "fails"),
        (502, b"bad gateway", "fails"),
    ],
)
def test_a_malformed_answer_wraps_nothing(engine: Engine, status: int, body: bytes, says: str) -> None:
    engine.instead = (status, body)
    assert says in str(refusal(engine))


@pytest.mark.parametrize("plaintext", [b'"c2hvcnQ="', b"7", b"null", b'"@@@@"'])
def test_a_malformed_key_is_not_used(engine: Engine, plaintext: bytes) -> None:
    _, wrapped = transit(engine).new_key("tkt_1")
    engine.instead = (200, b'{"data": {"plaintext": ' + plaintext + b"}}")
    with pytest.raises(Temporary, match="no data key"):
        transit(engine).unwrap("tkt_1", wrapped)


def test_a_token_renewed_in_its_file_is_taken_up(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("hvs.good\n")
    keys = open_keys(settings(engine, tmp_path, transit_token=None, transit_token_file=file))
    keys.new_key("tkt_1")
    engine.token = "hvs.renewed"
    file.write_text("hvs.renewed\n")
    assert keys.new_key("tkt_2")[1].key_id == "transit/casemate:v1"


@pytest.mark.parametrize(
    "url", ["http://vault.harbourbank.example:8200", "vault.harbourbank.example", "ftp://localhost"]
)
def test_keys_go_nowhere_without_tls(url: str) -> None:
    with pytest.raises(VaultError, match="https"):
        Transit(url=url, key="casemate", token=lambda: "t")


def test_the_namespace_is_sent(engine: Engine, tmp_path: Path) -> None:
    open_keys(settings(engine, tmp_path, transit_namespace="soc")).new_key("tkt_1")
    assert {namespace for _, namespace in engine.asked} == {"soc"}


@pytest.mark.parametrize("token", ["", "two\nlines", "bad\u00e9"])
def test_a_missing_or_malformed_token_says_which_setting(engine: Engine, tmp_path: Path, token: str) -> None:
    keys = open_keys(settings(engine, tmp_path, transit_token=SecretStr(token)))
    with pytest.raises(VaultError, match="CASEMATE_TRANSIT_TOKEN"):
        keys.new_key("tkt_1")


def test_a_missing_token_file_is_one_sentence(engine: Engine, tmp_path: Path) -> None:
    keys = open_keys(settings(engine, tmp_path, transit_token_file=tmp_path / "none"))
    with pytest.raises(VaultError, match="cannot be read"):
        keys.new_key("tkt_1")


def test_a_key_of_another_source_is_named_not_guessed(engine: Engine) -> None:
    with pytest.raises(VaultError, match="1a2b3c4d"):
        transit(engine).unwrap("tkt_1", WrappedKey(key_id="1a2b3c4d", wrapped=b"x" * 60))


def test_a_house_moves_from_a_key_file_to_transit(tmp_path: Path, clock: FixedClock, engine: Engine) -> None:
    url = f"sqlite:///{tmp_path / 'casemate.db'}"
    first = Store.open(url, clock=clock, keyring=open_keys(Settings(home=tmp_path), create=True))
    first.migrate()
    ticket = stored_ticket(first)
    with first.begin() as tx:
        tx.tickets.remember_indicators(ticket.id, ["198.51.100.7"])
        secret = tx.vault.secret("indicator-fingerprints")
    first.close()

    moved = Store.open(url, clock=clock, keyring=open_keys(settings(engine, tmp_path)))
    assert isinstance(moved.keyring, Several)
    assert len(moved.keyring.names()) == 2
    [old] = Keyring.from_file(tmp_path / "master.key").names()
    assert rotate(moved, actor="test").rewrapped == {old: 2}
    moved.close()

    (tmp_path / "master.key").unlink()
    alone = Store.open(url, clock=clock, keyring=open_keys(settings(engine, tmp_path)))
    with alone.begin() as tx:
        assert tx.tickets.original(ticket.id).title
        assert tx.vault.secret("indicator-fingerprints") == secret
    alone.close()
