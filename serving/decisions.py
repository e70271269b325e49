"""`POST /v1/decisions`: how probable each allowed answer is, read from the logits and not from what a model says."""

from __future__ import annotations

import asyncio
import string
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.canonical import JsonObject
from serving.formats import THOUGHT
from serving.protocol import Answer, DecisionRequest, Message, parse
from serving.refusals import Refused, too_long

if TYPE_CHECKING:
    from serving.chat import Prompt
    from serving.exchange import Turn

#: What ends the thinking that a template began; a decision is read where the answer would start.
UNTHOUGHT = f"\n{THOUGHT}\n\n"


def letters(tokenizer: Any) -> Mapping[str, tuple[int, ...]] | None:
    """The tokens that each capital letter may be, alone and after a space; None if one of them is no token."""
    found: dict[str, tuple[int, ...]] = {}
    for letter in string.ascii_uppercase:
        spellings = [tokenizer.encode(text, add_special_tokens=False) for text in (letter, f" {letter}")]
        single = tuple(dict.fromkeys(tokens[0] for tokens in spellings if len(tokens) == 1))
        if not single:
            return None
        found[letter] = single
    taken = [token for tokens in found.values() for token in tokens]
    return found if len(set(taken)) == len(taken) else None


async def work(turn: Turn) -> JsonObject:
    """Ask one question with lettered answers, in one or both orders of the answers.

    Raises:
        Refused: the request is wrong or does not fit, or this model's tokenizer has no letters.
    """
    asked = parse(DecisionRequest, turn.body)
    model = turn.model
    adapter = model.adapter(asked.model)
    if model.letters is None:
        raise Refused("This model cannot decide: it has no chat template or no tokens for letters.", param="model")
    orders = [asked.answers, asked.answers[::-1]][: asked.orders]
    prompts = [await asyncio.to_thread(_prompt, turn, asked, order) for order in orders]
    for prompt in prompts:
        if len(prompt) + 1 > model.context:
            raise too_long(prompt=len(prompt), answer=1, context=model.context)
    sums = dict.fromkeys((answer.name for answer in asked.answers), 0.0)
    async with turn.slot(asked.priority):
        for order, prompt in zip(orders, prompts, strict=True):
            tokens = [model.letters[letter] for letter, _ in zip(string.ascii_uppercase, order, strict=False)]
            flat = [token for spellings in tokens for token in spellings]
            chances = iter(await model.engine.choose(prompt, flat, adapter=adapter))
            for answer, spellings in zip(order, tokens, strict=True):
                sums[answer.name] += sum(next(chances) for _ in spellings)
    read = sum(len(prompt) for prompt in prompts)
    return {
        "object": "decision",
        "model": asked.model or model.loaded.name,
        "answers": {name: chance / len(orders) for name, chance in sums.items()},
        "usage": {"prompt_tokens": read, "completion_tokens": len(orders), "total_tokens": read + len(orders)},
    }


def _prompt(turn: Turn, asked: DecisionRequest, order: Sequence[Answer]) -> tuple[int, ...]:
    question = Message(role="user", content=ask(asked.question, order))
    prompt: Prompt = turn.model.chat.render([*asked.messages, question], asked.tools)
    if not prompt.thinking:
        return prompt.tokens
    return (*prompt.tokens, *turn.model.loaded.tokenizer.encode(UNTHOUGHT, add_special_tokens=False))


def ask(question: str, answers: Sequence[Answer]) -> str:
    """The question as the model reads it."""
    lines = [f"{letter}. {a.name}: {a.meaning}" for letter, a in zip(string.ascii_uppercase, answers, strict=False)]
    return "\n".join([question, "", *lines, "", "Answer with one letter."])
