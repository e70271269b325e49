"""Tokens on their way through a model: what may happen to them, and what may not."""

from __future__ import annotations

import pytest

from core.errors import ForeignToken, ToolRefused
from core.vault import MemoryVault
from policies.masking.draft import JOINER
from policies.masking.masker import Masker
from policies.masking.session import MaskSession
from policies.masking.tokens import garbled, mentions

HOST = "WS-TRE-014"


@pytest.fixture
def session(masker: Masker) -> MaskSession:
    return masker.session(MemoryVault())


@pytest.fixture
def token(session: MaskSession) -> str:
    return session.mask_text(HOST)


@pytest.mark.parametrize(
    "wrapped",
    [
        "{}",
        '"{}"',
        "'{}'",
        "`{}`",
        "**{}**",
        "_{}_",
        "*{}*",
        "[{}](x)",
        "\n{}\n",
        "({}),",
        "{}'s disk",
        "the {}s",
        "<{}>",
        "{}.",
        "„{}“",
        "host={};",
    ],
)
def test_what_stands_around_a_token_does_not_break_it(session: MaskSession, token: str, wrapped: str) -> None:
    text = wrapped.format(token)
    assert session.restore_text(text) == wrapped.format(HOST)
    assert session.restore_argument("isolate_host", "host", text) == wrapped.format(HOST)


def test_case_and_a_markdown_backslash_do_not_break_it(session: MaskSession, token: str) -> None:
    for text in (token.lower(), token.capitalize(), token.replace("_", "\\_")):
        assert session.restore_text(f"see {text}!") == f"see {HOST}!"
        assert session.restore_argument("isolate_host", "host", text) == HOST


def test_a_changed_character_is_refused(session: MaskSession, token: str) -> None:
    for index in range(len("HOST_"), len(token)):
        changed = token[:index] + ("A" if token[index] != "A" else "B") + token[index + 1 :]
        assert session.restore_text(changed) == changed
        with pytest.raises(ForeignToken, match="copy tokens exactly"):
            session.restore_argument("isolate_host", "host", changed)


def test_what_is_left_of_a_token_is_refused(session: MaskSession) -> None:
    for piece in ("HOST_K7Q2", "HOST_K7Q2XBAB", "HOST_K7Q210"):
        with pytest.raises(ForeignToken, match="garbled"):
            session.restore_argument("isolate_host", "host", piece)


def test_a_token_of_another_ticket_is_refused_in_any_case(masker: Masker, token: str) -> None:
    other = masker.session(MemoryVault())
    for text in (token, token.lower()):
        assert other.restore_text(text) == text
        with pytest.raises(ForeignToken, match="never issued"):
            other.restore_argument("isolate_host", "host", text)


def test_another_kind_of_token_is_refused_where_policy_does_not_list_it(session: MaskSession) -> None:
    person = session.mask_text("Anna Lindqvist")
    with pytest.raises(ToolRefused, match="may not receive a PERSON"):
        session.restore_argument("isolate_host", "host", person)


@pytest.mark.parametrize("text", ["phone_number", "card_number_1", "HOST_NAME", "host_header", "IP_ADDRESS", "IP_1"])
def test_identifiers_are_no_tokens(session: MaskSession, text: str) -> None:
    assert list(mentions(text)) == []
    assert garbled(text) is None
    assert session.restore_argument("search_logs", "sql", text) == text
    assert text in session.mask_text(f"select {text} from events")


def test_a_forged_token_is_made_harmless_in_any_case(session: MaskSession, token: str, masker: Masker) -> None:
    other = masker.session(MemoryVault())
    shown = other.mask_text(f"{token} {token.lower()} HOST_AAAAAA")
    assert list(mentions(shown)) == []


def test_a_restored_value_is_masked_again_before_it_returns(session: MaskSession, token: str) -> None:
    restored = session.restore_argument("isolate_host", "host", token)
    assert session.mask_text(f"isolated {restored}") == f"isolated {token}"


def test_what_masking_put_around_a_token_goes_when_it_is_restored(session: MaskSession, token: str) -> None:
    assert session.restore_text(f"x{JOINER}{token}{JOINER}y") == f"x{HOST}y"
    assert session.restore_text(f'{{"host": "{JOINER}{token}{JOINER}"}}') == f'{{"host": {HOST}}}'
