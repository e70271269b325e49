"""Secrets by name: a file first, the environment second, and no value in any error."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import SecretMissing
from core.secret_store import MAX_SECRET, SecretStore, filled, names_in


def test_file_goes_before_the_environment_and_a_rotated_file_counts_at_once(tmp_path: Path) -> None:
    store = SecretStore(tmp_path, {"CASEMATE_SECRET_TOKEN": "from-environment"})
    assert store.get("token").get_secret_value() == "from-environment"
    (tmp_path / "token").write_text("first\n")
    assert store.get("token").get_secret_value() == "first"
    (tmp_path / "token").write_text("second\n")
    assert filled("Bearer ${secret:token}", store) == "Bearer second"


def test_missing_secret_is_named_with_what_to_do(tmp_path: Path) -> None:
    store = SecretStore(tmp_path, {})
    with pytest.raises(SecretMissing, match=r"CASEMATE_SECRET_OKTA_TOKEN"):
        store.get("okta_token")
    assert not store.has("okta_token")


@pytest.mark.parametrize("name", ["../etc/passwd", "", "A", "a/b", "a" * 65, "a\n"])
def test_name_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(SecretMissing, match="lower case"):
        SecretStore(tmp_path, {}).get(name)


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe\xff", b"x" * (MAX_SECRET + 1)])
def test_file_that_holds_no_secret_is_refused_without_quoting_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(SecretMissing) as refused:
        SecretStore(tmp_path, {}).get("token")
    assert "xxx" not in str(refused.value)


def test_references_are_found_in_order() -> None:
    assert names_in("${secret:a} ${secret:b} ${secret:a}") == ("a", "b")
