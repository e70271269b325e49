"""Reads a chat completion and mends what frameworks trip over, once, so that both see the same answer.

AutoGen waits for ever on tool arguments it cannot parse; ADK turns them into `{}` without a word. Here they become `{}`
for both, and the tool then says which argument is missing.
"""

from __future__ import annotations

import json

from core.canonical import Json, JsonObject


def read_completion(content: bytes, model: str) -> JsonObject | None:
    """The completion in an answer, mended; None when it is something else.

    `model` is the name that was asked for: an endpoint may call its model otherwise, which AutoGen warns about.
    """
    value = _parse(content)
    choices = value.get("choices") if isinstance(value, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return None
    message = choices[0].get("message")
    if not isinstance(message, dict):
        return None
    calls = _calls(message.get("tool_calls"))
    text = message.get("content")
    mended: JsonObject = {"role": "assistant", "content": text if isinstance(text, str) else None}
    if calls:
        mended["tool_calls"] = calls
    reason = "tool_calls" if calls else "length" if choices[0].get("finish_reason") == "length" else "stop"
    usage = {name: tokens(value, name) for name in ("prompt_tokens", "completion_tokens")}
    return {
        "id": str(value.get("id", "")),
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [{"index": 0, "message": mended, "finish_reason": reason}],
        "usage": {**usage, "total_tokens": sum(usage.values())},
    }


def tokens(completion: JsonObject, name: str) -> int:
    """A token count of the answer; 0 when the endpoint does not tell."""
    usage = completion.get("usage")
    count = usage.get(name) if isinstance(usage, dict) else None
    return count if isinstance(count, int) and count > 0 else 0


def _calls(calls: Json) -> list[JsonObject]:
    found: list[JsonObject] = []
    for index, call in enumerate(calls if isinstance(calls, list) else []):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict):
            continue
        arguments = function.get("arguments")
        value = _parse(arguments) if isinstance(arguments, str) else arguments
        identity = call.get("id")
        found.append(
            {
                "id": identity if isinstance(identity, str) and identity else f"call_{index}",
                "type": "function",
                "function": {
                    "name": str(function.get("name") or "unnamed"),
                    "arguments": json.dumps(value if isinstance(value, dict) else {}, ensure_ascii=False),
                },
            }
        )
    return found


def _parse(text: str | bytes) -> Json:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
