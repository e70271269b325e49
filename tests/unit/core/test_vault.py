"""Envelope encryption: what opens, and what must not."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import VaultError
from core.vault import Keyring, WrappedKey, seal, unseal

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
