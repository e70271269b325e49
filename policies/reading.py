"""YAML read strictly: bytes to plain values, with the place of each and everything a reviewer would stumble over.

Tags, anchors, aliases, directives, duplicate keys and invisible characters are refused: a policy must be readable as
it stands. Only the words of YAML 1.2 mean something else than text, so `no` and `on` are text.
"""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

from core.canonical import Json
from core.errors import Problem
from policies.document import Document, Path, Place
from policies.source import MAX_FILE

#: Levels of nesting in a policy file.
MAX_LEVELS = 16
#: The largest whole number that every JSON reader takes for the same one.
MAX_INTEGER = 2**53 - 1

#: Files that are kept as they were read: while somebody writes one file of a bundle, the others stay as they are.
KEPT = 64
#: Bytes of the largest of them: a read file takes some twenty times its size.
KEPT_BYTES = 128 * 1024

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_AMBIGUOUS = re.compile(r"[-+]?0[0-9]+")
#: Half of a pair, which only an escape can write and nothing can store.
_SURROGATE = re.compile("[\ud800-\udfff]")
_WORDS: dict[str, Json] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}

#: What the parser says, and what to do about it.
_ADVICE = (
    (r"'\\t'|tab", "a tab stands here; indent with spaces"),
    (r"mapping values are not allowed", "a second `: ` stands on this line; put text that holds a colon in quotes"),
    (r"expected ':'", "this line is neither `key: value` nor a list item; add the colon"),
    (r"expected ',' or '\]'", "a list that `[` opens is not closed; add `]` or a comma"),
    (r"expected ',' or '\}'", "keys that `{` opens are not closed; add `}` or a comma"),
    (r"expected <block end>|did not find expected", "the indentation does not fit the lines above; align it"),
    (r"unexpected end of stream", "a quote is not closed; add it"),
    (r"escape character", "a backslash starts an escape in double quotes; use single quotes"),
    (r"cannot start any token", "text cannot start with this character; put it in quotes"),
)


class _Unreadable(Exception):
    """Nothing after this point can be read; the problem is already in the document."""


def read_document(raw: bytes, *, file: str) -> Document:
    """Parse one file. What is wrong is in `problems`; `data` is None when nothing could be read."""
    read = _kept(raw) if len(raw) <= KEPT_BYTES else _read(raw)
    # Whoever checks a document further writes to it.
    return replace(
        read,
        file=file,
        data=_copied(read.data),
        keys=dict(read.keys),
        values=dict(read.values),
        problems=[replace(problem, file=file) for problem in read.problems],
        unreadable=set(read.unreadable),
    )


@lru_cache(maxsize=KEPT)
def _kept(raw: bytes) -> Document:
    return _read(raw)


def _read(raw: bytes) -> Document:
    document = Document(file="", text="")
    if len(raw) > MAX_FILE:
        document.problems.append(document.problem((), f"is larger than {MAX_FILE} bytes; split the bundle"))
        return document
    try:
        document.text = raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        document.problems.append(
            Problem(file=document.file, line=line, column=1, message="is not UTF-8; save it as UTF-8")
        )
        return document
    if not _has_invisible(document):
        _parse(document)
    return document


def _copied(data: Json) -> Json:
    """The same value, its lists and mappings made anew."""
    if isinstance(data, dict):
        return {key: _copied(value) for key, value in data.items()}
    return [_copied(value) for value in data] if isinstance(data, list) else data


def _has_invisible(document: Document) -> bool:
    """Whether characters stand in the file that a reviewer does not see, or sees elsewhere than they are."""
    found = 0
    for index, character in enumerate(document.text):
        if character.isascii() and (character.isprintable() or character in "\n\t"):
            continue
        if character == "\x00":
            message = "holds NUL bytes, so it is not UTF-8 text; save it as UTF-8"
        elif character in "\x85\u2028\u2029" or unicodedata.category(character) in ("Cc", "Cf", "Cs"):
            message = f"an invisible character (U+{ord(character):04X}) stands here; delete it"
        else:
            continue
        line = document.text.count("\n", 0, index) + 1
        column = index - document.text.rfind("\n", 0, index)
        document.problems.append(Problem(file=document.file, line=line, column=column, message=message))
        found += 1
        if character == "\x00" or found == 10:
            break
    return bool(found)


def _parse(document: Document) -> None:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    events = YAML(typ="safe", pure=True).parse(io.StringIO(document.text))
    try:
        _read_stream(document, events)
    except _Unreadable:
        pass
    except MarkedYAMLError as error:
        document.problems.append(_syntax_problem(document, error))
    except (YAMLError, RecursionError, ValueError, OverflowError) as error:
        # The parser's own words may quote the file, so only the kind of error is kept.
        document.problems.append(document.problem((), f"is not YAML ({type(error).__name__}); write it anew"))
    if document.data is None and not document.problems:
        document.problems.append(document.problem((), "is empty; write at least the required keys"))


def _syntax_problem(document: Document, error: Any) -> Problem:
    said = str(error.problem or error.context or "")
    mark = error.problem_mark or error.context_mark
    if "end of stream" in said and error.context_mark is not None:
        mark = error.context_mark
    line, column = (mark.line, mark.column) if mark is not None else (0, 0)
    advice = next((words for pattern, words in _ADVICE if re.search(pattern, said)), said)
    message = f"is not YAML here: {advice}"
    return Problem(file=document.file, line=line + 1, column=column + 1, message=message)


def _read_stream(document: Document, events: Iterator[Any]) -> None:
    documents = 0
    for event in events:
        match type(event).__name__:
            case "DocumentStartEvent":
                documents += 1
                if documents > 1:
                    _refuse(document, event, (), "a second document starts here; keep one")
                    raise _Unreadable
                if event.version or event.tags:
                    _refuse(document, event, (), "directives (`%`) are not allowed; remove it")
            case "StreamStartEvent" | "StreamEndEvent" | "DocumentEndEvent":
                pass
            case _:
                document.data = _value(document, event, events, ())


def _value(document: Document, event: Any, events: Iterator[Any], path: Path) -> Json:
    """The value that starts with an event."""
    name = type(event).__name__
    mark = event.start_mark
    document.values[path] = Place(
        line=mark.line, column=mark.column, index=mark.index, style=getattr(event, "style", None)
    )
    if name == "AliasEvent":
        _refuse(document, event, path, f"alias *{event.anchor}: write the value out in full")
        return None
    if event.anchor:
        _refuse(document, event, None, f"anchor &{event.anchor}: anchors are not allowed; remove it")
    if event.tag:
        _refuse(document, event, path, f"tag {event.tag}: tags are not allowed; remove it")
    if len(path) > MAX_LEVELS:
        _refuse(document, event, path, f"is nested deeper than {MAX_LEVELS} levels; flatten it")
        raise _Unreadable
    if name == "ScalarEvent":
        return _scalar(document, event, path)
    if name == "SequenceStartEvent":
        return _sequence(document, events, path)
    return _mapping(document, events, path)


def _sequence(document: Document, events: Iterator[Any], path: Path) -> list[Json]:
    found: list[Json] = []
    while type(event := next(events)).__name__ != "SequenceEndEvent":
        found.append(_value(document, event, events, (*path, len(found))))
    return found


def _mapping(document: Document, events: Iterator[Any], path: Path) -> dict[str, Json]:
    found: dict[str, Json] = {}
    while type(event := next(events)).__name__ != "MappingEndEvent":
        place = Place(line=event.start_mark.line, column=event.start_mark.column, index=event.start_mark.index)
        key = _key(document, event, events, path)
        if key is None or key in found:
            if key is not None:
                _refuse(document, event, None, f"key `{key}` appears twice; keep one of them")
            # Read past the value; what it holds is no part of the policy.
            _skip(events)
            continue
        document.keys[(*path, key)] = place
        found[key] = _value(document, next(events), events, (*path, key))
    return found


def _key(document: Document, event: Any, events: Iterator[Any], path: Path) -> str | None:
    name = type(event).__name__
    if name != "ScalarEvent":
        _refuse(document, event, path, "a key must be a plain word")
        if name != "AliasEvent":
            _skip_rest(events)
        return None
    if event.anchor or event.tag or _SURROGATE.search(event.value):
        _refuse(document, event, path, "a key must be a plain word; remove anchor, tag and escapes")
        return None
    return str(event.value)


def _skip(events: Iterator[Any]) -> None:
    if type(next(events)).__name__ in ("SequenceStartEvent", "MappingStartEvent"):
        _skip_rest(events)


def _skip_rest(events: Iterator[Any]) -> None:
    depth = 1
    while depth:
        name = type(next(events)).__name__
        depth += name in ("SequenceStartEvent", "MappingStartEvent")
        depth -= name in ("SequenceEndEvent", "MappingEndEvent")


def _scalar(document: Document, event: Any, path: Path) -> Json:
    text: str = event.value
    if event.style is not None:
        if _SURROGATE.search(text):
            _refuse(document, event, path, "holds half a character; write the character itself")
        return text
    if text in _WORDS:
        if _WORDS[text] is None and path:
            # Else a condition that was forgotten would be one that always holds.
            # Said of the key: nothing stands where the value should.
            message = "has no value; write one, or remove the key"
            document.problems.append(document.problem(path, message, key=True))
            document.unreadable.add(path)
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        # Digits are counted first: Python refuses to read very long numbers.
        number = int(text, 0) if len(text) <= 20 else MAX_INTEGER + 1
        if abs(number) > MAX_INTEGER:
            _refuse(document, event, path, f"is beyond {MAX_INTEGER}, where programs disagree; put it in quotes")
            return None
        return number
    if _AMBIGUOUS.fullmatch(text):
        _refuse(document, event, path, "starts with 0, which programs read differently; drop the 0 or put it in quotes")
        return text
    if _NO_NUMBER.fullmatch(text) or (_FLOAT.fullmatch(text) and float(text) in (float("inf"), float("-inf"))):
        _refuse(document, event, path, "is not a number that can be compared; write a finite one")
        return text
    # Dates and the like stay the words that were written.
    return float(text) if _FLOAT.fullmatch(text) else text


def _refuse(document: Document, event: Any, path: Path | None, message: str) -> None:
    """Note a problem at an event; with a path, what stands there is not looked at any further."""
    mark = event.start_mark
    document.problems.append(Problem(file=document.file, line=mark.line + 1, column=mark.column + 1, message=message))
    if path is not None:
        document.unreadable.add(path)
