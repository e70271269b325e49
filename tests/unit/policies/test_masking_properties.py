"""The promise of the first door: what was masked once is nowhere to be seen, and the guard agrees with the masker."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import EgressBlocked
from core.vault import MemoryVault
from policies.bundle import Bundle
from policies.masking.egress import EgressGuard
from policies.masking.masker import Masker
from policies.masking.rules import Entity
from policies.masking.session import MaskSession
from policies.masking.strings import strings_in
from policies.masking.tokens import TOKEN
from tests.journey.canaries import KINDS, Made, Maker

VALUES = [
    "Anna Lindqvist",
    "LINDQVIST, Anna",
    "michael okafor",
    "a.lindqvist",
    "anna.lindqvist@harbourbank.example",
    "Anna_Lindqvist",
    "WS-TRE-014",
    "srv-pay-01.harbourbank.example",
    "10.20.14.31",
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "DE89 3704 0044 0532 0130 00",
    "DE89370400440532013000",
    "john.smith@evil.example",
    "John.Smith@evil.example",
    "+49 151 23456789",
    "From: Xaver Yilmaz <x.yilmaz@evil.example>",
    "Dear Xaver Yilmaz,",
    "Xaver Yilmaz",
    "Regards,\nZoë O'Connor\n",
    "Zoë O'Connor",
    "12 High Street",
    "password=Hunter22xy",
    "Hunter22xy",
    "SSN 123-45-6789",
    r"HARBOURBANK\t.nakamura",
    "PERSON_K7Q2XB",
    "198.51.100.7",
    "https://harbourbank-secure.example/login",
    "evil.example",
    "xaver-yilmaz.example",
    'From: "Portside Freight Billing" <billing@portside-freight.example>',
]
GLUE = [" ", ", ", "\n", "", ".", "/", "\\n", "%20", "_", "-", "&nbsp;", '"', "\u200b", " x ", "@", "\\"]


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(c):04x}" if c.isalpha() and ord(c) < 0x10000 else c for c in text)


pieces = st.one_of(
    st.sampled_from(VALUES),
    st.sampled_from(VALUES).map(escaped),
    st.sampled_from(VALUES).map(str.upper),
    st.sampled_from(VALUES).map(lambda text: json.dumps({"k": text})),
    st.sampled_from(VALUES).map(lambda text: text.replace(" ", "%20").replace("@", "%40")),
    st.text(max_size=12),
)
texts = st.lists(st.tuples(pieces, st.sampled_from(GLUE)), max_size=6).map(lambda parts: "".join(map("".join, parts)))
values = st.recursive(
    st.one_of(
        texts, texts.map(lambda text: json.dumps([text])), st.integers(-(2**53), 2**53), st.booleans(), st.none()
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)


HOST = re.compile(r"(?<![\w\-])[\w\-]+(?:\.[\w\-]+)+")


def without_evidence(text: str) -> str:
    """The text without hosts of others, which stay whole whatever their labels say."""

    def is_evidence(host: re.Match[str]) -> bool:
        name = host.group().lower()
        if name.endswith(".harbourbank.example"):
            return False
        return text[: host.start()].endswith(("@", "://")) or re.search(r"\.(?:example|[a-z]{2,3})$", name) is not None

    return HOST.sub(lambda host: "" if is_evidence(host) else host.group(), text)


def shows(text: str, original: str) -> bool:
    """Whether an original stands in a text as whole words, in any case. Written apart from the code under test."""
    pattern = rf"(?<![^\W_]){re.escape(original)}(?![^\W_])"
    return re.search(pattern, without_evidence(text), re.IGNORECASE) is not None


@settings(max_examples=200, deadline=None)
@given(values)
def test_no_original_is_in_what_leaves_and_the_guard_agrees(masker: Masker, value: Any) -> None:
    session = masker.session(MemoryVault())
    masked = session.mask_json(value)
    shown = strings_in(masked)
    for original in session.originals():
        assert not any(shows(text, original) for text in shown)
    guard = EgressGuard(session)
    guard.check(json.dumps({"messages": [masked]}).encode())
    guard.check(json.dumps({"arguments": json.dumps(masked)}, ensure_ascii=False).encode())


@settings(max_examples=200, deadline=None)
@given(values)
def test_masking_what_is_masked_changes_nothing(masker: Masker, value: Any) -> None:
    session = masker.session(MemoryVault())
    masked = session.mask_json(value)
    assert session.mask_json(masked) == masked


@settings(max_examples=100, deadline=None)
@given(st.lists(texts, min_size=1, max_size=4))
def test_the_guard_stops_every_raw_original(masker: Masker, ticket: list[str]) -> None:
    session = masker.session(MemoryVault())
    session.mask_json(ticket)
    guard = EgressGuard(session)
    for original in session.originals():
        for body in (json.dumps({"x": original}), json.dumps({"x": json.dumps([original])}), original):
            with pytest.raises(EgressBlocked):
                guard.check(body.encode())


def reversible(session: MaskSession) -> bool:
    return all(entry.value and entry.entity != "CARD" for entry in session.entries())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([v for v in VALUES if "PERSON_" not in v]), min_size=1, max_size=5))
def test_restoring_gives_back_what_was_masked_but_for_case(masker: Masker, parts: list[str]) -> None:
    session = masker.session(MemoryVault())
    text = "; ".join(parts)
    restored = session.restore_text(session.mask_text(text))
    if reversible(session):
        plain = re.compile(r"[\s\-]+")
        assert plain.sub("", restored).casefold() == plain.sub("", text).casefold()


#: Values of every kind that canaries are made of, as somebody would write of them; never one value in two spellings.
planted = st.builds(
    lambda seed, kinds: [KINDS[kind](maker) for maker in [Maker(seed)] for kind in kinds],
    st.integers(0, 2**32),
    st.lists(st.sampled_from(sorted(set(KINDS) - {"PERSON listed", "USERNAME listed", "HOST listed"})), max_size=6),
)
#: What stands between them; nothing that would grow together with a value or be eaten with it.
between = st.sampled_from(["\n", "\n\n", " \n", "\n— ", "\n(ticket 12) ", "\n> "])


def letter(made: list[Made], glue: list[str]) -> str:
    """A text that says each of the values."""
    return "".join(f"{part.prose}{glue[index % len(glue)]}" for index, part in enumerate(made))


@pytest.fixture(scope="module")
def reversing(bundle: Bundle) -> Masker:
    """A masker whose bundle makes a reversible token of everything."""
    treatments = dict.fromkeys(get_args(Entity), "token")
    return Masker(dataclasses.replace(bundle, masking=bundle.masking.model_copy(update={"treatments": treatments})))


def tokens_in(value: Any) -> set[str]:
    return {match.group() for text in strings_in(value) for match in TOKEN.finditer(text)}


@settings(max_examples=80, deadline=None)
@given(planted, st.lists(between, min_size=1, max_size=3))
def test_restoring_gives_back_exactly_what_was_masked(reversing: Masker, made: list[Made], glue: list[str]) -> None:
    session = reversing.session(MemoryVault())
    text = letter(made, glue)
    assert session.restore_text(session.mask_text(text)) == text


@settings(max_examples=60, deadline=None)
@given(planted, st.lists(between, min_size=1, max_size=3))
def test_restoring_gives_back_fields_too(reversing: Masker, made: list[Made], glue: list[str]) -> None:
    session = reversing.session(MemoryVault())
    fields = {"note": letter(made, glue), "rows": [{part.key or "age": part.value} for part in made]}
    masked = session.mask_json(fields)
    restored: dict[str, Any] = {"note": session.restore_text(masked["note"]), "rows": []}
    restored["rows"] = [{key: session.restore_text(value) for key, value in row.items()} for row in masked["rows"]]
    assert restored == fields


@settings(max_examples=60, deadline=None)
@given(planted, planted, st.lists(between, min_size=1, max_size=3))
def test_a_value_has_one_token_in_a_ticket_whatever_comes_between(
    reversing: Masker, made: list[Made], others: list[Made], glue: list[str]
) -> None:
    session = reversing.session(MemoryVault())
    text = letter(made, glue)
    before = session.mask_text(text)
    session.mask_json({"comment": letter(others, glue)})
    assert session.mask_text(text) == before
    assert session.mask_json([text, {"again": text}]) == [before, {"again": before}]


@settings(max_examples=60, deadline=None)
@given(planted, st.lists(between, min_size=1, max_size=3))
def test_two_tickets_share_no_token_and_neither_opens_the_others(
    reversing: Masker, made: list[Made], glue: list[str]
) -> None:
    one, other = reversing.session(MemoryVault()), reversing.session(MemoryVault())
    text = letter(made, glue)
    first, second = one.mask_text(text), other.mask_text(text)
    assert not tokens_in(first) & tokens_in(second)
    assert other.restore_text(first) == first
    assert one.restore_text(second) == second
