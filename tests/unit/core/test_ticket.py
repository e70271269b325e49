"""The ticket schema: what a sender may hand in, and what it is told when it may not."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidTicket
from core.ticket import MAX_ATTACHMENT, RESTING, TRANSITIONS, TicketState, parse_ticket
from tests.samples import ticket_json


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"title": None}, "title", "string"),
        ({"title": ""}, "title", "at least 1"),
        ({"title": "x" * 501}, "title", "at most 500"),
        ({"body": 5}, "body", "string"),
        ({"body": "a\x00b"}, "body", "NUL"),
        ({"body": "\ud800"}, "body", "unicode"),
        ({"version": "2"}, "version", "integer"),
        ({"version": 0}, "version", "greater than or equal to 1"),
        ({"version": True}, "version", "integer"),
        ({"source": "Not A Slug"}, "source", "pattern"),
        ({"external_id": " x"}, "external_id", "pattern"),
        ({"kind": "PHISHING!"}, "kind", "pattern"),
        ({"occurred_at": "yesterday"}, "occurred_at", "datetime"),
        ({"occurred_at": "2026-01-01T00:00:00"}, "occurred_at", "timezone"),
        ({"fields": {"x": float("nan")}}, "fields", "JSON"),
        ({"fields": {"x": 2**60}}, "fields", "JSON"),
        ({"fields": []}, "fields", "dictionary"),
        ({"surprise": 1}, "surprise", "not part of the ticket schema"),
        ({"attachments": [{"name": "a"}]}, "attachments[0].content_base64", "required"),
        ({"attachments": [{"name": "a", "content_base64": "%%"}]}, "attachments[0].content_base64", "base64"),
        ({"attachments": [{"name": "a", "content_base64": "YQ=="}] * 2}, "ticket", "share a name"),
        ({"attachments": [{"name": "a", "content_base64": ""}] * 21}, "attachments", "at most 20"),
    ],
)
def test_a_malformed_ticket_gets_a_sentence_that_names_the_field(change: dict[str, Any], field: str, says: str) -> None:
    with pytest.raises(InvalidTicket) as caught:
        parse_ticket(ticket_json(**change))
    assert caught.value.field == field
    assert says in caught.value.reason


@pytest.mark.parametrize("missing", ["source", "external_id", "title", "body"])
def test_a_missing_field_is_named(missing: str) -> None:
    ticket = ticket_json()
    del ticket[missing]
    with pytest.raises(InvalidTicket) as caught:
        parse_ticket(ticket)
    assert (caught.value.field, caught.value.reason) == (missing, "is required")


def test_deep_nesting_is_refused_without_recursion_errors() -> None:
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"a": deep}
    with pytest.raises(InvalidTicket, match="deeper than 32"):
        parse_ticket(ticket_json(fields=deep))


def test_an_attachment_over_ten_mebibytes_is_refused() -> None:
    big = base64.b64encode(bytes(MAX_ATTACHMENT + 3)).decode()
    with pytest.raises(InvalidTicket, match="larger than"):
        parse_ticket(ticket_json(attachments=[{"name": "a", "content_base64": big}]))


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)
    )
)
def test_no_json_value_breaks_the_parser(value: Any) -> None:
    try:
        parse_ticket(value)
    except InvalidTicket as error:
        assert str(error)  # noqa: PT017 — either answer is fine, any other error is not


def test_the_same_ticket_has_the_same_content_digest_whatever_the_key_order() -> None:
    one = parse_ticket(ticket_json(fields={"a": 1, "b": 2}))
    two = parse_ticket({**ticket_json(), "fields": {"b": 2, "a": 1}})
    assert one.content_digest == two.content_digest
    assert one.content_digest != parse_ticket(ticket_json(fields={"a": 1})).content_digest


def test_every_state_has_its_moves_and_every_move_leads_to_a_state_that_exists() -> None:
    assert set(TRANSITIONS) == set(TicketState)
    terminal = {state for state, moves in TRANSITIONS.items() if not moves}
    assert terminal == {TicketState.CLOSED, TicketState.SUPERSEDED}
    assert terminal <= RESTING


@pytest.mark.parametrize("key", ["Wilhelmina Quarterstaff", "kay@harbourbank.example", "4111111111111111", "x" * 40])
def test_a_key_that_is_no_identifier_is_not_repeated(key: str) -> None:
    for ticket in (ticket_json(**{key: 1}), ticket_json(attachments=[{"name": "a", "content_base64": "", key: 1}])):
        with pytest.raises(InvalidTicket) as caught:
            parse_ticket(ticket)
        assert key not in str(caught.value)


def test_a_number_that_json_cannot_carry_is_not_repeated() -> None:
    with pytest.raises(InvalidTicket) as caught:
        parse_ticket(ticket_json(fields={"card": 41111111111111119}))
    assert "4111" not in str(caught.value)
