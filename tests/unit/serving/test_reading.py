"""However an answer is cut into pieces on its way, the same is read from it, and nothing twice or too early."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.formats import write_call
from serving.noise import make_tokenizer
from serving.reading import MAX_PENDING, Calls, Reader, Text, held_back

CALL = write_call("look_up", '{"host": "WS-1", "note": "a </tool_call> in a text"}')
OTHER = write_call("read_email", "{}")
Read = list[tuple[str, str]]


def read(parts: list[str], *, thinking: bool = False, calls: Calls = "anywhere", stops: tuple[str, ...] = ()) -> Read:
    """What was read, with neighbouring texts of one kind joined."""
    reader = Reader(thinking=thinking, calls=calls, stops=stops)
    found: Read = []
    pieces = [piece for part in parts for piece in reader.feed(part)] + reader.end()
    for piece in pieces:
        text = piece.text if piece.call is None else f"{piece.call.name}{json.loads(piece.call.arguments)}"
        if found and piece.kind != "call" and found[-1][0] == piece.kind:
            found[-1] = (piece.kind, found[-1][1] + text)
        else:
            found.append((piece.kind, text))
    return found


LOOKED = ("call", "look_up{'host': 'WS-1', 'note': 'a </tool_call> in a text'}")
CASES: list[tuple[str, dict[str, Any], Read]] = [
    ("Just text, with < and <tool.", {}, [("content", "Just text, with < and <tool.")]),
    ("  spaces stay \n", {}, [("content", "  spaces stay \n")]),
    (CALL, {}, [LOOKED]),
    (f"First I look.\n{CALL}", {}, [("content", "First I look."), LOOKED]),
    (f"{CALL}\n{OTHER}\n", {}, [LOOKED, ("call", "read_email{}")]),
    (f"{CALL}\n{OTHER}", {"calls": "front"}, [LOOKED, ("call", "read_email{}")]),
    ('{"a": "<tool_call>"}', {"calls": "front"}, [("content", '{"a": "<tool_call>"}')]),
    (CALL, {"calls": "nowhere"}, [("content", CALL)]),
    ("<think>\nHm.\n</think>\n\nYes.", {"thinking": True}, [("reasoning", "Hm."), ("content", "Yes.")]),
    ("Hm.\n</think>\n\nYes.", {"thinking": True}, [("reasoning", "Hm."), ("content", "Yes.")]),
    (f"\nHm </thin k>\n</think>\n\n{CALL}", {"thinking": True}, [("reasoning", "Hm </thin k>"), LOOKED]),
    ("<think>\n\n</think>\n\nYes.", {"thinking": True}, [("content", "Yes.")]),
    ("<think>never ends ", {"thinking": True}, [("reasoning", "never ends")]),
    ("One. STOP Two.", {"stops": ("STOP",)}, [("content", "One. ")]),
    ("One. STO", {"stops": ("STOP",)}, [("content", "One. STO")]),
    (f"One\n\nTwo {CALL}", {"stops": ("\n\n",)}, [("content", "One")]),
    (f"{CALL} STOP", {"stops": ("STOP", "WS-1")}, [LOOKED]),
]


@pytest.mark.parametrize(("answer", "how", "wanted"), CASES)
def test_an_answer_is_read_the_same_whole_and_letter_by_letter(answer: str, how: dict[str, Any], wanted: Read) -> None:
    assert read([answer], **how) == wanted
    assert read(list(answer), **how) == wanted


@settings(max_examples=150, deadline=None)
@given(
    case=st.sampled_from(CASES),
    cuts=st.lists(st.integers(min_value=0, max_value=200), max_size=8),
)
def test_where_an_answer_is_cut_makes_no_difference(case: tuple[str, dict[str, Any], Read], cuts: list[int]) -> None:
    answer, how, wanted = case
    places = sorted({0, len(answer), *(cut for cut in cuts if cut < len(answer))})
    assert read([answer[a:b] for a, b in pairwise(places)], **how) == wanted


def test_text_is_given_out_as_soon_as_it_can_be_nothing_else() -> None:
    reader = Reader(thinking=False, calls="anywhere", stops=())
    assert [piece.text for piece in reader.feed("Look: <tool")] == ["Look:"]
    assert [piece.text for piece in reader.feed("box>")] == [" <toolbox>"]


def test_space_waits_only_where_a_call_may_follow() -> None:
    assert Reader(thinking=False, calls="anywhere", stops=()).feed("\n\n") == []
    [piece] = Reader(thinking=False, calls="nowhere", stops=()).feed("\n\n")
    assert piece.text == "\n\n"


def test_a_call_is_given_out_when_it_is_whole() -> None:
    reader = Reader(thinking=False, calls="front", stops=())
    assert reader.feed(CALL[:-1]) == []
    [piece] = reader.feed(CALL[-1])
    assert piece.call is not None
    assert piece.call.name == "look_up"


def test_what_may_become_a_mark_is_held_back() -> None:
    assert held_back("a <too", ("<tool_call>",)) == 4
    assert held_back("a <toy", ("<tool_call>",)) == 0
    assert held_back("aab", ("abc", "b!")) == 2
    assert held_back("text", ()) == 0


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return make_tokenizer()


@pytest.mark.parametrize("text", ["Grüße aus 東京 🦊!", "a  b\n\tc", "<tool_call>\n{}\n</tool_call>"])
def test_tokens_become_the_text_they_came_from_without_half_characters(tokenizer: Any, text: str) -> None:
    pieces = Text(tokenizer)
    parts = [pieces.add([token]) for token in tokenizer.encode(text)]
    assert "".join(parts) + pieces.end() == text
    assert not any("\ufffd" in part for part in parts)


def test_bytes_that_are_no_character_do_not_hold_up_the_rest(tokenizer: Any) -> None:
    lone = tokenizer.encode("ü")[-1:] if len(tokenizer.encode("ü")) > 1 else tokenizer.encode("東")[-1:]
    pieces = Text(tokenizer)
    assert "".join(pieces.add(lone) for _ in range(MAX_PENDING + 1))


def test_special_tokens_are_not_text(tokenizer: Any) -> None:
    pieces = Text(tokenizer)
    tokens = tokenizer.encode("<|im_start|>user<|im_end|>")
    assert pieces.add(tokens) + pieces.end() == "user"
