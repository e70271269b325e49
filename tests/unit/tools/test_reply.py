"""An answer from the sandbox is hostile until parsed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.canonical import canonical_bytes
from core.errors import ToolRefused
from tools.sandbox.reply import parse


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b'"text"',
        b'{"a": 1, "a": 2}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": 9007199254740993}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b"{} {}",
        b'{"a": "\xff"}',
        b'{"a":' * 60 + b"1" + b"}" * 60,
        b"[" * 100_000,
    ],
)
def test_answer_that_is_not_one_clean_object_is_refused(raw: bytes) -> None:
    with pytest.raises(ToolRefused):
        parse(raw)


def test_characters_that_cannot_be_stored_are_replaced() -> None:
    assert parse(rb'{"a": "x\u0000y\ud800z"}') == {"a": "x\ufffdy\ufffdz"}


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_give_an_object_that_can_be_digested(raw: bytes) -> None:
    try:
        value = parse(raw)
    except ToolRefused:
        return
    assert canonical_bytes(value)
