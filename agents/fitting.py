"""Makes a request fit into the model's context window: the oldest tool results lose their detail, not their summary.

Nothing is cut in silence. A result that was shortened says so, and how to get it again; the newest one stays whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from core.canonical import Json, JsonObject

#: Tokens that a byte of a request comes to, until the endpoint's own count says it; JSON is dense.
TOKENS_PER_BYTE = 1 / 3
#: Part of the room that is filled after results were shortened, so that the next request need not begin again and the
#: endpoint can go on from the prefix it knows.
FILLED = 0.8
#: Tokens that an answer keeps when the window is small: twice what an assessment takes.
LEAST_ANSWER = 2048

#: How endpoints say that a request is too long: OpenAI, vLLM, SGLang, llama.cpp, and casemate's own server.
_TOO_LONG = re.compile(rb"context[ _](?:length|size|window)|maximum model length", re.IGNORECASE)
#: Statuses they say it with.
_REFUSALS = frozenset({400, 413, 422, 500})


@dataclass(frozen=True, slots=True)
class _Result:
    """One piece of evidence in the messages: the `message`, and its place there if that is a case file."""

    message: int
    place: int | None
    whole: JsonObject

    def short(self) -> JsonObject:
        tool = self.whole.get("tool", "the tool")
        return {
            **self.whole,
            "detail": f"Left out to make room; call {tool} again with the same arguments to see it.",
        }

    @property
    def saved(self) -> int:
        return _wire(json.dumps(self.whole, ensure_ascii=False)) - _wire(json.dumps(self.short(), ensure_ascii=False))


@dataclass(kw_only=True, slots=True)
class Fitting:
    """What fits into the requests of one run, as far as is known, and what was shortened for it."""

    #: Bytes that a request may have; None while the endpoint has refused none.
    _room: int | None = None
    _tokens_per_byte: float = TOKENS_PER_BYTE
    #: How many results of each conversation are shortened; one that was stays so, for the sake of the prefix.
    _shortened: dict[str, int] = field(default_factory=dict)

    @property
    def shortened(self) -> int:
        """Tool results that some role saw without their detail."""
        return sum(self._shortened.values())

    def fit(self, body: JsonObject, window: int | None) -> JsonObject:
        """The request as it can be sent; the same object when it fits as it is.

        It may still be too long: the endpoint will say so.
        """
        if window is None and self._room is None:
            return body
        size = encoded_size(body)
        if self._room is not None:
            body = _with_less_answer(body, 0)
        elif window is not None:
            body = _with_less_answer(body, window - int(size * self._tokens_per_byte) - 1)
        room = self._room_for(body, window)
        if not self._shortened and size <= room:
            return body
        messages = body["messages"]
        talk = str(messages[0])
        results = list(_results(messages))[:-1]
        count = min(self._shortened.get(talk, 0), len(results))
        size -= sum(result.saved for result in results[:count])
        if size > room:
            while count < len(results) and size > FILLED * room:
                size -= results[count].saved
                count += 1
            self._shortened[talk] = count
        return {**body, "messages": _without_detail(messages, results[:count])} if count else body

    def refused(self, body: JsonObject) -> None:
        """The endpoint said that this request is too long."""
        size = encoded_size(body)
        self._room = int(FILLED * min(size, self._room or size))

    def answered(self, body: JsonObject, tokens: int) -> None:
        """This request came to `tokens`, as the endpoint counts; 0 when it does not tell."""
        if tokens:
            self._tokens_per_byte = tokens / encoded_size(body)

    def _room_for(self, body: JsonObject, window: int | None) -> int:
        """Bytes that the request may have, by its window and by what was refused; one of them is known."""
        rooms = [] if self._room is None else [self._room]
        if window is not None:
            rooms.append(max(0, int((window - (body.get("max_tokens") or 0)) / self._tokens_per_byte)))
        return min(rooms)


def says_too_long(status: int, content: bytes) -> bool:
    """Whether a refusal is because of the request's length."""
    return status in _REFUSALS and _TOO_LONG.search(content) is not None


def encoded(body: Mapping[str, Json]) -> bytes:
    """A request body as the frameworks' client writes it."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def encoded_size(body: Mapping[str, Json]) -> int:
    """Bytes of a request body."""
    return len(encoded(body))


def _with_less_answer(body: JsonObject, left: int) -> JsonObject:
    """The request with an answer no longer than what is `left` of the window, but long enough for an assessment."""
    asked = body.get("max_tokens")
    if not isinstance(asked, int) or asked <= max(left, LEAST_ANSWER):
        return body
    return {**body, "max_tokens": max(left, LEAST_ANSWER)}


def _results(messages: list[Json]) -> Iterator[_Result]:
    """Every piece of evidence whose detail is shown, oldest first."""
    for number, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") != "tool":
            continue
        content = _json(message.get("content"))
        listed = content.get("evidence")
        if isinstance(listed, list):
            for place, item in enumerate(listed):
                if isinstance(item, dict) and _has_detail(item):
                    yield _Result(number, place, item)
        elif _has_detail(content):
            yield _Result(number, None, content)


def _has_detail(item: JsonObject) -> bool:
    return (
        isinstance(item.get("evidence"), str) and isinstance(item.get("detail"), dict | list) and bool(item["detail"])
    )


def _without_detail(messages: list[Json], results: list[_Result]) -> list[Json]:
    contents: dict[int, JsonObject] = {}
    for result in results:
        if result.place is None:
            contents[result.message] = result.short()
            continue
        case = contents.setdefault(result.message, _json(messages[result.message]["content"]))
        case["evidence"][result.place] = result.short()
    return [
        {**message, "content": json.dumps(contents[number], ensure_ascii=False)} if number in contents else message
        for number, message in enumerate(messages)
    ]


def _json(content: Json) -> JsonObject:
    try:
        value = json.loads(content) if isinstance(content, str) else None
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _wire(text: str) -> int:
    """Bytes of a text inside a request."""
    return len(json.dumps(text, ensure_ascii=False).encode())
