"""One request to a target and what came back, with everything that may go wrong told apart by what it means for the
action: not sent, answered, or sent and no answer. Nothing of a request or an answer is logged or put into an exception.
"""

from __future__ import annotations

import json
import math
import ssl
import time
from dataclasses import dataclass, field
from typing import Any, NoReturn
from xml.parsers import expat

import httpx2

from core.canonical import Json, JsonObject
from core.errors import CasemateError, TargetUnavailable, TriageError
from tools.connectors.written import Limits

#: Levels of nesting of an answer.
MAX_LEVELS = 64
#: Seconds an idle connection is kept: longer ones are closed by targets just when we send.
IDLE_SECONDS = 4.0


class AnswerLost(CasemateError):
    """The request left, and no answer came that can be used: it may have been carried out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wire:
    """A request as it leaves."""

    method: str
    url: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What a target answered."""

    status: int
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    #: `json` or `xml`.
    language: str = "json"

    def value(self) -> Json:
        """The body as JSON; an empty one is an empty object.

        Raises:
            AnswerLost: it is not what the connector says its target answers in.
        """
        if not self.body.strip():
            return {}
        try:
            return _from_xml(self.body) if self.language == "xml" else _from_json(self.body)
        except (ValueError, RecursionError, expat.ExpatError):
            raise AnswerLost("The target's answer is not what its connector expects.") from None


class Line:
    """The connections to one target, kept for the life of the process. Safe for threads."""

    def __init__(self, limits: Limits, *, ca_file: str | None = None, language: str = "json") -> None:
        """Raises:
        TriageError: the file of certificates cannot be used.
        """
        self._limits = limits
        self._language = language
        self._client = httpx2.Client(
            verify=_trust(ca_file),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx2.Timeout(limits.answer_seconds, connect=limits.connect_seconds),
            limits=httpx2.Limits(max_connections=8, max_keepalive_connections=4, keepalive_expiry=IDLE_SECONDS),
        )

    def send(self, wire: Wire) -> Reply:
        """One request, no redirect followed, no part of the answer beyond the cap read.

        Raises:
            TargetUnavailable: it was not sent.
            AnswerLost: it was, and no whole answer came.
        """
        deadline = time.monotonic() + self._limits.answer_seconds
        headers = {"accept-encoding": "identity", "user-agent": "casemate", **wire.headers}
        try:
            with self._client.stream(wire.method, wire.url, headers=headers, content=wire.body) as answer:
                body = bytearray()
                for chunk in answer.iter_raw():
                    body += chunk
                    if len(body) > self._limits.answer_bytes or time.monotonic() > deadline:
                        raise AnswerLost("The target's answer is too long or too slow.")
                if answer.headers.get("content-encoding", "identity").lower() != "identity":
                    raise AnswerLost("The target's answer is compressed, which was not asked for.")
                found = {name.lower(): value for name, value in answer.headers.items()}
                return Reply(status=answer.status_code, headers=found, body=bytes(body), language=self._language)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol) as error:
            raise TargetUnavailable(
                f"The target cannot be reached ({type(error).__name__}); nothing was sent, and it is tried again."
            ) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise AnswerLost(f"The target gave no answer ({type(error).__name__}).") from None

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()


def _trust(ca_file: str | None) -> ssl.SSLContext:
    if ca_file is None:
        return httpx2.create_ssl_context(trust_env=False)
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError:
        raise TriageError(f"The certificates in {ca_file} cannot be used; name a PEM file in routes.yaml.") from None


def _from_json(body: bytes) -> Json:
    value = json.loads(body.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
    if _depth(value) > MAX_LEVELS:
        raise ValueError("too deep")
    return value


def _once(pairs: list[tuple[str, Any]]) -> JsonObject:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(word)


def _depth(value: Json) -> int:
    deepest, level = 0, [value]
    while level:
        deepest += 1
        if any(isinstance(item, float) and math.isinf(item) for item in level):
            raise ValueError("no finite number")
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
    return deepest


def _from_xml(body: bytes) -> Json:
    """XML as AWS writes it: an element with text is that text, one with elements an object, repeated ones a list.

    The outermost element is left away. Anything with a document type is refused: no entity is ever expanded.
    """
    stack: list[tuple[str, dict[str, list[Json]], list[str]]] = [("", {}, [])]

    def refuse(*_: object) -> NoReturn:
        raise ValueError("a document type")

    def start(name: str, _: object) -> None:
        if len(stack) > MAX_LEVELS:
            raise ValueError("too deep")
        stack.append((name.rpartition(":")[2], {}, []))

    def end(_: str) -> None:
        name, children, text = stack.pop()
        stack[-1][1].setdefault(name, []).append(_element(children, text))

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = lambda text: stack[-1][2].append(text)  # noqa: PLW0108 - the stack moves
    parser.Parse(body, True)
    (values,) = stack[0][1].values()
    return values[0]


def _element(children: dict[str, list[Json]], text: list[str]) -> Json:
    if not children:
        return "".join(text).strip()
    if set(children) == {"member"}:
        return children["member"]
    return {name: values[0] if len(values) == 1 else values for name, values in children.items()}
