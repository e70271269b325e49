"""The masks of a batch: each request gets its own, whoever else is there and whatever became of it before."""

from __future__ import annotations

from random import Random

import pytest
import torch
import xgrammar

from serving.constraint import masked
from serving.noise import VOCABULARY
from serving.shapes import ToolShape, Wanted
from serving.vocabulary import MAX_BYTES, bits, flags
from tests.unit.serving.batch import (
    COLUMNS,
    SHAPES,
    STOP,
    TOKENIZER,
    allowed,
    columns,
    constraint,
    draw,
    shape_of,
    state_of,
)

YES = shape_of({"const": "yes"})
FREE = shape_of({"type": "string"})
SPECIAL = TOKENIZER.convert_tokens_to_ids(["<|im_start|>", "<|endoftext|>"])


def words(tokens: list[int]) -> set[str]:
    return {TOKENIZER.decode([token]) for token in tokens}


def test_every_request_has_the_mask_of_its_own_shape() -> None:
    held = constraint()
    one, two = state_of(held.admit(YES, budget=20)), state_of(held.admit(shape_of({"const": 7}), budget=20))
    first, free, second = allowed(held, one, state_of(0), two)
    assert words(first) == {'"', '"y', '"yes'} & words(first)
    assert words(second) == {"7"}
    assert len(free) == VOCABULARY


def test_rows_of_an_earlier_step_leave_nothing_behind() -> None:
    held = constraint()
    one = state_of(held.admit(YES, budget=20))
    allowed(held, one, one, one)
    assert [len(row) for row in allowed(held, state_of(0), one, state_of(0))][::2] == [VOCABULARY, VOCABULARY]
    assert [len(row) for row in allowed(held, *[state_of(0)] * 4)] == [VOCABULARY] * 4


def test_padding_is_never_allowed_and_special_tokens_not_in_a_shape() -> None:
    held = constraint()
    inside = state_of(held.admit(FREE, budget=50))
    inside.generated_tokens += TOKENIZER.encode('"a')
    shaped, free = allowed(held, inside, state_of(0))
    assert max(shaped) < VOCABULARY
    assert max(free) < VOCABULARY
    assert not set(shaped) & {*SPECIAL, STOP}
    assert set(free) > {*SPECIAL, STOP}


def test_tokens_that_no_count_can_foresee_are_left_out() -> None:
    texts = SHAPES.vocabulary.texts
    assert all(len(text) <= MAX_BYTES and text.count(b'"') < 2 for text in texts)
    assert sum(map(bool, texts)) > VOCABULARY - 50


def test_a_request_that_was_put_back_goes_on_where_it_was() -> None:
    shape = shape_of({"type": "array", "items": {"type": "string", "maxLength": 9}, "minItems": 3})
    for seed in range(8):
        whole = draw(shape, budget=shape.least + 30, random=Random(seed))
        again = draw(shape, budget=shape.least + 30, random=Random(seed), reset_at=shape.least // 2)
        assert whole == again
        assert shape.problem(again.text) is None


def test_a_request_that_was_put_back_twice_keeps_its_budget() -> None:
    held = constraint(rows=1)
    state = state_of(held.admit(FREE, budget=6), budget=6)
    for token in TOKENIZER.encode('"abc'):
        state.generated_tokens.append(token)
        state = state.create_equivalent_initial_request()
    seen = []
    while True:
        [choices] = allowed(held, state)
        seen.append(choices[-1])
        if choices == [STOP]:
            break
        state.generated_tokens.append(choices[-1])
    assert len(TOKENIZER.encode('"abc')) + len(seen) == 6


def test_a_token_that_no_mask_allowed_ends_the_answer() -> None:
    held = constraint()
    state = state_of(held.admit(YES, budget=20))
    state.generated_tokens += TOKENIZER.encode("no")
    assert allowed(held, state) == [[STOP]]
    assert allowed(held, state) == [[STOP]]


def test_after_the_end_only_a_stop_is_left() -> None:
    held = constraint()
    state = state_of(held.admit(YES, budget=20))
    state.generated_tokens += TOKENIZER.encode('"yes"')
    assert allowed(held, state) == [[STOP]]
    state.generated_tokens.append(STOP)
    assert allowed(held, state) == [[STOP]]


def test_a_released_answer_is_forgotten() -> None:
    held = constraint()
    handle = held.admit(YES, budget=20)
    held.release(handle)
    held.release(handle)
    assert not held.closed(handle)
    assert [len(row) for row in allowed(held, state_of(handle))] == [VOCABULARY]


def test_an_answer_that_cannot_be_that_short_is_not_admitted() -> None:
    with pytest.raises(ValueError, match="shortest answer"):
        constraint().admit(YES, budget=YES.least - 1)


def test_masks_on_a_card_are_those_on_the_processor() -> None:
    random = torch.Generator().manual_seed(1)
    flat = torch.rand(3, COLUMNS, generator=random) < 0.5
    rows = torch.from_numpy(bits(flat[0].numpy())).repeat(3, 1)
    for index in range(3):
        rows[index] = torch.from_numpy(bits(flat[index].numpy()))
    scores = torch.rand(3, COLUMNS, generator=random)
    ours = masked(scores, rows, torch.arange(32, dtype=torch.int32))
    xgrammar.apply_token_bitmask_inplace(scores, rows, vocab_size=COLUMNS)
    assert torch.equal(ours, scores)
    assert torch.equal(torch.isfinite(ours), flat)


def test_flags_and_rows_are_two_sides_of_one_thing() -> None:
    wanted = columns([0, 31, 32, 63, COLUMNS - 1])
    assert (flags(bits(wanted), COLUMNS) == wanted).all()


def test_free_text_may_be_any_token_until_a_call_begins() -> None:
    held = constraint()
    wanted = Wanted(tools=(ToolShape(name="look_up", parameters={}),), choice="auto")
    state = state_of(held.admit(shape_of(wanted), budget=100))
    assert len(allowed(held, state)[0]) > VOCABULARY - 60
    state.generated_tokens += TOKENIZER.encode("Now <tool_call>")
    assert words(allowed(held, state)[0]) == {"\n"}
