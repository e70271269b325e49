"""Who holds a key of the file may ask; the file may change while the server runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.keys import Keys, KeysNotUsable
from serving.refusals import Refused

FIRST, SECOND = "first-key-of-the-house", "second-key-of-the-house"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "keys"
    file.write_text(f"# of the workers\n{FIRST}\n\n{SECOND}\n")
    return file


@pytest.mark.parametrize("header", [f"Bearer {FIRST}", f"bearer  {SECOND}"])
def test_every_key_of_the_file_opens(path: Path, header: str) -> None:
    Keys(path).check(header)


@pytest.mark.parametrize("header", ["", "Bearer ", f"Basic {FIRST}", FIRST, "Bearer # of the workers", "Bearer ключ"])
def test_anything_else_is_refused_with_401(path: Path, header: str) -> None:
    with pytest.raises(Refused) as refused:
        Keys(path).check(header)
    response = refused.value.response()
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert refused.value.document["error"]["code"] == "invalid_api_key"


def test_a_changed_file_counts_from_the_next_request(path: Path) -> None:
    keys = Keys(path)
    path.write_text("the-next-key-of-the-house\n")
    keys.check("Bearer the-next-key-of-the-house")
    with pytest.raises(Refused):
        keys.check(f"Bearer {FIRST}")


@pytest.mark.parametrize("content", [None, "", "# nothing but this\n"])
def test_a_file_that_became_unusable_leaves_the_keys_as_they_were(path: Path, content: str | None) -> None:
    keys = Keys(path)
    path.unlink()
    if content is not None:
        path.write_text(content)
    keys.check(f"Bearer {FIRST}")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read"),
        (b"", "has no key"),
        (b"# only words\n", "has no key"),
        (b"short\n", "at least 16"),
        (b"two words that are long enough\n", "one word"),
        (b"\xff\xfe\x00long-enough-for-a-key", "not plain text"),
    ],
)
def test_a_server_does_not_start_without_keys_it_can_read(tmp_path: Path, content: bytes | None, told: str) -> None:
    path = tmp_path / "keys"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(KeysNotUsable, match=told):
        Keys(path)
