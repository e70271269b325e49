"""`casemate mask --lines`: JSON lines in, JSON lines out, one for one and in order, each a ticket of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from cli.mask_parts import MAX_BYTES
from core.canonical import JsonObject
from core.errors import CasemateError

if TYPE_CHECKING:
    from policies.masking.spans import Span

#: Bytes read at once of a line that is too long.
_CHUNK = 1024 * 1024

#: Masks one text under keys of its own: what a model would see, and what was replaced.
MaskOne = Callable[[str], "tuple[str, list[Span]]"]


class BadLine(CasemateError):
    """A line that holds nothing to mask; the sentence is its answer."""


def mask_lines(file: str, mask_one: MaskOne) -> bool:
    """Answer every line as soon as it is read; whether all of them could be masked.

    Raises:
        OSError: the file cannot be read.
    """
    sound = True
    with _opened(file) as source:
        for line in _lines(source):
            answer = answer_to(line, mask_one)
            sound = sound and "error" not in answer
            # ASCII only, so that no line separator of Unicode can break a line in two.
            print(json.dumps(answer), flush=True)
    return sound


def answer_to(line: bytes | None, mask_one: MaskOne) -> JsonObject:
    """The answer to one line: its own keys without the text, and what was masked or why nothing was."""
    kept: JsonObject = {}
    try:
        value = _parsed(line)
        kept = {key: value[key] for key in value if key not in {"text", "masked", "spans", "error"}}
        masked, spans = mask_one(_text_of(value))
    except CasemateError as error:
        return {**kept, "error": str(error)}
    except Exception as error:  # noqa: BLE001 - the outermost handler of a line; the next one is still to come
        return {**kept, "error": f"The line could not be masked: {type(error).__name__}."}
    return {**kept, "masked": masked, "spans": [_as_json(span) for span in spans]}


def _parsed(line: bytes | None) -> JsonObject:
    if line is None:
        raise BadLine(f"The line is longer than {MAX_BYTES >> 20} MB.")
    try:
        value = json.loads(line.decode("utf-8-sig"), parse_constant=_no_number)
    except UnicodeDecodeError:
        raise BadLine("The line is not UTF-8.") from None
    except (ValueError, RecursionError):
        raise BadLine("The line is not JSON.") from None
    if not isinstance(value, dict):
        raise BadLine("The line is not a JSON object.")
    return value


def _text_of(value: JsonObject) -> str:
    text = value.get("text")
    if not isinstance(text, str):
        raise BadLine("The line has no string under `text`.")
    return text


def _as_json(span: Span) -> JsonObject:
    return {
        "start": span.start,
        "end": span.end,
        "type": span.entity,
        "score": round(span.score, 3),
        "recognizer": span.recognizer,
    }


@contextmanager
def _opened(file: str) -> Iterator[IO[bytes]]:
    if file == "-":
        yield sys.stdin.buffer
        return
    with Path(file).open("rb") as source:
        yield source


def _lines(source: IO[bytes]) -> Iterator[bytes | None]:
    """Lines without their ends; None for one that is too long, which is skipped without being held."""
    while line := source.readline(MAX_BYTES + 1):
        if len(line) <= MAX_BYTES or line.endswith(b"\n"):
            yield line.rstrip(b"\r\n")
            continue
        while line and not line.endswith(b"\n"):
            line = source.readline(_CHUNK)
        yield None


def _no_number(name: str) -> None:
    raise ValueError(name)
