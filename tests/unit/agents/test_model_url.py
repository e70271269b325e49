"""A password in the model's URL is used and never shown."""

from __future__ import annotations

import pytest

from agents.model import without_login


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:8621/v1", "http://127.0.0.1:8621/v1"),
        ("https://kay:hunter22@models.example/v1", "https://models.example/v1"),
        ("https://kay:hun@ter@models.example/v1?api-key=1", "https://models.example/v1"),
        ("https://models.example", "https://models.example"),
    ],
)
def test_a_login_is_left_out(url: str, shown: str) -> None:
    assert without_login(url) == shown
