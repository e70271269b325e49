"""`POST /v1/embeddings`: texts as vectors of length one, made by the served model itself."""

from __future__ import annotations

import asyncio
import base64
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.canonical import JsonObject
from serving.protocol import EmbeddingsRequest, parse
from serving.refusals import Refused, too_long

if TYPE_CHECKING:
    from serving.exchange import Turn

#: Texts of one request, as many as OpenAI takes.
MAX_TEXTS = 2048


async def work(turn: Turn) -> JsonObject:
    """Embed one text or many.

    Raises:
        Refused: the request is wrong, or a text does not fit.
    """
    asked = parse(EmbeddingsRequest, turn.body)
    model = turn.model
    if model.adapter(asked.model) is not None:
        raise Refused("Embeddings are of the model alone; name it and not an adapter.", param="model")
    if not 1 <= len(asked.input) <= MAX_TEXTS:
        raise Refused(f"Field `input`: give 1 to {MAX_TEXTS} texts.", param="input")
    texts = await asyncio.to_thread(_tokens, turn, asked.input)
    async with turn.slot(0):
        vectors = await model.engine.embed(texts)
    written = [_written(vector, asked.encoding_format) for vector in vectors]
    read = sum(len(text) for text in texts)
    return {
        "object": "list",
        "model": model.loaded.name,
        "data": [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(written)],
        "usage": {"prompt_tokens": read, "total_tokens": read},
    }


def _tokens(turn: Turn, texts: Sequence[str] | Sequence[Sequence[int]]) -> list[list[int]]:
    loaded = turn.model.loaded
    found = []
    for text in texts:
        tokens = turn.model.chat.tokens_of(text) if isinstance(text, str) else list(text)
        if not tokens or not all(0 <= token < loaded.vocab_size for token in tokens):
            raise Refused("Field `input`: a text is empty, or holds a number that is no token.", param="input")
        if len(tokens) > loaded.context:
            raise too_long(prompt=len(tokens), answer=0, context=loaded.context)
        found.append(tokens)
    return found


def _written(vector: Sequence[float], form: str) -> list[float] | str:
    """As numbers, or as base64 of little-endian 32-bit floats, which OpenAI's client asks for."""
    if form == "float":
        return list(vector)
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
