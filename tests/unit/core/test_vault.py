"""Envelope encryption: what opens, and what must not."""

from __future__ import annotations

import base64
import os
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from core import keyfile
from core.errors import VaultError
from core.keyring import open_keys
from core.settings import Settings
from core.vault import Keyring, WrappedKey, new_line, seal, unseal

KEY = bytes(range(32))


@given(st.binary(max_size=500), st.text(max_size=30))
def test_what_is_sealed_opens_in_its_own_place_only(plaintext: bytes, context: str) -> None:
    sealed = seal(KEY, plaintext, context=context)
    assert unseal(KEY, sealed, context=context) == plaintext
    with pytest.raises(VaultError):
        unseal(KEY, sealed, context=context + "x")


@given(st.integers(min_value=0, max_value=10_000))
def test_any_changed_byte_is_noticed(position: int) -> None:
    sealed = bytearray(seal(KEY, b"the original", context="here"))
    sealed[position % len(sealed)] ^= 1
    with pytest.raises(VaultError):
        unseal(KEY, bytes(sealed), context="here")


def test_the_master_key_file_is_made_once_and_only_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "master.key"
    first = Keyring.from_file(path, create=True)
    _, wrapped = first.new_key("tkt_1")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Keyring.from_file(path, create=True).unwrap("tkt_1", wrapped) == first.unwrap("tkt_1", wrapped)


def test_a_wrapped_key_does_not_open_for_another_ticket(keyring: Keyring) -> None:
    _, wrapped = keyring.new_key("tkt_1")
    with pytest.raises(VaultError):
        keyring.unwrap("tkt_2", wrapped)


def test_rotation_rewraps_and_the_old_key_may_then_go() -> None:
    old, new = base64.b64encode(os.urandom(32)).decode(), base64.b64encode(os.urandom(32)).decode()
    key, wrapped = Keyring.from_base64(old).new_key("tkt_1")
    rewrapped = Keyring.from_base64(f"{new}\n{old}").rewrap("tkt_1", wrapped)
    assert Keyring.from_base64(new).unwrap("tkt_1", rewrapped) == key
    with pytest.raises(VaultError, match="not in the keyring"):
        Keyring.from_base64(new).unwrap("tkt_1", wrapped)


@pytest.mark.parametrize(("text", "says"), [("", "empty"), ("@@@", "not base64"), ("YWJj", "32 bytes")])
def test_a_bad_master_key_says_how_to_make_a_good_one(text: str, says: str) -> None:
    with pytest.raises(VaultError, match=says):
        Keyring.from_base64(text)


def test_a_key_under_an_unknown_master_key_is_named_not_guessed(keyring: Keyring) -> None:
    with pytest.raises(VaultError, match="unknown"):
        keyring.unwrap("tkt_1", WrappedKey(key_id="unknown", wrapped=b"x" * 60))


def test_a_key_wrapped_by_the_first_release_still_opens() -> None:
    text = base64.b64encode(KEY).decode()
    wrapped = WrappedKey(key_id=Keyring.from_base64(text).current(), wrapped=seal(KEY, b"k" * 32, context="key:tkt_1"))
    assert Keyring.from_base64(text).unwrap("tkt_1", wrapped) == b"k" * 32


@given(st.integers(min_value=0, max_value=92))
def test_any_changed_byte_of_a_wrapped_key_is_noticed(position: int) -> None:
    ring = Keyring({"a": KEY})
    _, wrapped = ring.new_key("tkt_1")
    changed = bytearray(wrapped.wrapped)
    changed[position] ^= 1
    with pytest.raises(VaultError):
        ring.unwrap("tkt_1", WrappedKey(key_id="a", wrapped=bytes(changed)))


def test_a_wrapped_key_opens_under_the_id_it_was_wrapped_with_only() -> None:
    ring = Keyring({"a": KEY, "b": KEY})
    _, wrapped = ring.new_key("tkt_1")
    with pytest.raises(VaultError, match="not wrapped by master key b"):
        ring.unwrap("tkt_1", WrappedKey(key_id="b", wrapped=wrapped.wrapped))


def test_two_master_keys_of_one_name_are_refused() -> None:
    one, two = (base64.b64encode(os.urandom(32)).decode() for _ in range(2))
    with pytest.raises(VaultError, match="named main"):
        Keyring.from_base64(f"main:{one}\nmain:{two}")


def test_a_running_process_wraps_with_a_new_key_and_opens_what_others_wrapped_with_it(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    running = Keyring.from_file(path, create=True)
    _, old = running.new_key("tkt_1")
    keyfile.prepend(path, new_line())
    key, fresh = Keyring.from_file(path).new_key("tkt_2")
    assert running.unwrap("tkt_2", fresh) == key
    assert running.unwrap("tkt_1", old)
    assert running.new_key("tkt_3")[1].key_id == fresh.key_id != old.key_id


def test_a_key_file_that_breaks_while_running_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    running = Keyring.from_file(path, create=True)
    _, wrapped = running.new_key("tkt_1")
    path.write_bytes(b"\xff\xfe")
    assert running.unwrap("tkt_1", wrapped)
    path.unlink()
    assert running.unwrap("tkt_1", wrapped)


def test_a_new_key_goes_to_the_head_of_the_file_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    first = Keyring.from_file(path, create=True)
    path.chmod(0o644)
    old = path.read_text()
    threads = [threading.Thread(target=keyfile.prepend, args=(path, new_line())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text().endswith(old)
    assert len(path.read_text().split()) == len(first.names()) == 5
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [file.name for file in tmp_path.iterdir()] == ["master.key"]


def test_a_key_file_that_cannot_be_replaced_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="by hand"):
        keyfile.prepend(tmp_path / "none.key", new_line())


@pytest.mark.parametrize("content", [b"", b"\xff"])
def test_a_broken_key_file_is_one_sentence_without_its_content(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "master.key").write_bytes(content)
    with pytest.raises(VaultError) as refused:
        Keyring.from_file(tmp_path / "master.key")
    assert "xff" not in str(refused.value)


def test_the_master_key_comes_from_the_environment_and_shows_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = base64.b64encode(KEY).decode()
    monkeypatch.setenv("CASEMATE_MASTER_KEY", text)
    settings = Settings(home=tmp_path)
    assert open_keys(settings, create=True).current() == Keyring.from_base64(text).current()
    assert not (tmp_path / "master.key").exists()
    for shown in (repr(settings), str(settings.model_dump()), settings.model_dump_json(), repr(open_keys(settings))):
        assert text not in shown


def test_an_empty_key_in_the_environment_is_refused_and_no_other_is_made(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="empty"):
        open_keys(Settings(home=tmp_path, master_key=SecretStr("")), create=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("source", "says"), [("environment", "CASEMATE_MASTER_KEY is"), ("transit", "CASEMATE_TRANSIT_URL is")]
)
def test_a_named_source_that_is_not_set_is_refused_and_no_other_is_made(tmp_path: Path, source: str, says: str) -> None:
    with pytest.raises(VaultError, match=says):
        open_keys(Settings.model_validate({"home": tmp_path, "master_key_source": source}), create=True)
    assert list(tmp_path.iterdir()) == []


def test_a_named_key_file_is_never_made(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="cannot be read"):
        open_keys(Settings(home=tmp_path, master_key_file=tmp_path / "named.key"), create=True)


def test_keys_of_two_sources_open_and_the_chosen_one_wraps(tmp_path: Path) -> None:
    in_file = Keyring.from_file(tmp_path / "master.key", create=True)
    key, wrapped = in_file.new_key("tkt_1")
    text = SecretStr(base64.b64encode(KEY).decode())
    both = open_keys(Settings(home=tmp_path, master_key=text))
    assert both.unwrap("tkt_1", wrapped) == key
    assert both.rewrap("tkt_1", wrapped).key_id == both.current() != wrapped.key_id
    assert both.names() == [both.current(), wrapped.key_id]
    assert both.opens(wrapped.key_id)
    assert not both.opens("other")
    back = open_keys(Settings(home=tmp_path, master_key=text, master_key_source="file"))
    assert back.current() == wrapped.key_id
    with pytest.raises(VaultError, match="other"):
        back.unwrap("tkt_1", WrappedKey(key_id="other", wrapped=b""))
