"""What an MCP tool answered, in the shape of every tool's answer. Nothing of it is trusted or carried out."""

from __future__ import annotations

import json

from mcp import types

from core.canonical import Json, JsonObject, canonical_bytes

#: Characters of text that are kept.
MAX_TEXT = 60_000
#: Bytes of structured content that are kept; more is refused as a whole, since half of it could mean something else.
MAX_STRUCTURED = 60_000
#: Parts of an answer that are looked at.
MAX_PARTS = 200


def result(name: str, answer: types.CallToolResult) -> JsonObject:
    """`summary`, `facts`, `detail`. Images, sounds and resources are named and left out."""
    texts: list[str] = []
    left_out: list[str] = []
    room, cut = MAX_TEXT, len(answer.content) > MAX_PARTS
    for part in answer.content[:MAX_PARTS]:
        if not isinstance(part, types.TextContent):
            left_out.append(_named(part))
            continue
        text = _storable(part.text)
        cut = cut or len(text) > room
        texts.append(text[:room])
        room -= len(texts[-1])
    structured, too_large = _structured(answer.structuredContent)
    if too_large:
        left_out.append("structured content that is too large or no plain JSON")
    facts: JsonObject = {
        "is_error": answer.isError,
        "items": len(answer.content),
        "left_out": len(left_out),
        "cut": cut,
    }
    said = "answered with an error" if answer.isError else f"answered with {len(texts)} texts"
    more = f", {len(left_out)} parts were left out" if left_out else ""
    detail: JsonObject = {"text": texts}
    if structured is not None:
        detail["structured"] = structured
    if left_out:
        detail["left_out"] = left_out[:20]
    return {"summary": f"{name} {said}{more}.", "facts": facts, "detail": detail}


def _named(part: types.ContentBlock) -> str:
    """What kind of part was left out; never its content, its name or its address."""
    return {
        types.ImageContent: "an image",
        types.AudioContent: "a sound",
        types.ResourceLink: "a link to a resource",
        types.EmbeddedResource: "a resource",
    }.get(type(part), "a part of an unknown kind")


def _structured(value: JsonObject | None) -> tuple[Json, bool]:
    if value is None:
        return None, False
    try:
        plain = json.loads(json.dumps(value, allow_nan=False))
        size = len(canonical_bytes(plain))
    except (ValueError, TypeError, RecursionError):
        return None, True
    return (plain, False) if size <= MAX_STRUCTURED else (None, True)


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
