"""Policy YAML read strictly: plain values, the place each came from, and every problem at once.

Tags, anchors, aliases and duplicate keys are refused: a reviewer must be able to read a policy as it stands.
"""

from __future__ import annotations

import difflib
import io
import types
import typing
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from core.canonical import Json
from core.errors import Problem

#: Bytes of one policy file; a larger one is data in the wrong place.
MAX_FILE = 2 * 1024 * 1024
#: Levels of nesting in a policy file.
MAX_LEVELS = 16

Path_ = tuple[int | str, ...]
Model = TypeVar("Model", bound=BaseModel)

_PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")}


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a value stands in its file; line and column count from 0 as ruamel counts them."""

    line: int
    column: int
    #: Character index of the value in the file.
    index: int
    #: How a scalar is written: None, `'`, `"`, `|` or `>`.
    style: str | None = None


@dataclass(kw_only=True)
class Document:
    """One file: its values, and the places of keys and values by path."""

    file: str
    text: str
    data: Json = None
    keys: dict[Path_, Place] = field(default_factory=dict)
    values: dict[Path_, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def problem(self, path: Path_, message: str, *, key: bool = False) -> Problem:
        """A problem at a value (or its key), or at the nearest enclosing value that exists."""
        places = {**self.values, **self.keys} if key else self.values
        while path and path not in places:
            path = path[:-1]
        place = places.get(path) or Place(line=0, column=0, index=0)
        return Problem(file=self.file, line=place.line + 1, column=place.column + 1, message=message)

    def problem_inside(self, path: Path_, offset: int, message: str) -> Problem:
        """A problem at a character of a string value, wherever folding and quoting put that character."""
        place = self.values[path]
        index = _source_index(self.text, place, _value_at(self.data, path), offset)
        line = self.text.count("\n", 0, index)
        column = index - (self.text.rfind("\n", 0, index) + 1)
        return Problem(file=self.file, line=line + 1, column=column + 1, message=message)


def read_document(path: Path, *, name: str | None = None) -> Document:
    """Parse one file. What is wrong is in `problems`; `data` is None when nothing could be read."""
    document = Document(file=name or str(path), text="")
    try:
        raw = path.read_bytes()
    except OSError as error:
        document.problems.append(document.problem((), f"cannot be read ({error.strerror}); restore the file"))
        return document
    if len(raw) > MAX_FILE:
        document.problems.append(document.problem((), f"is larger than {MAX_FILE} bytes; split the bundle"))
        return document
    try:
        document.text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start)
        document.problems.append(
            Problem(file=document.file, line=line + 1, column=1, message="is not UTF-8; save it as UTF-8")
        )
        return document
    _parse(document)
    return document


def _parse(document: Document) -> None:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml = YAML(typ="safe", pure=True)
    try:
        for event in yaml.parse(io.StringIO(document.text)):
            _refuse_indirection(document, event)
        if not document.problems:
            node = yaml.compose(io.StringIO(document.text))
            if node is None:
                document.problems.append(document.problem((), "is empty; write at least the required keys"))
            else:
                document.data = _plain(document, node, ())
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line, mark.column) if mark is not None else (0, 0)
        message = f"is not YAML here: {error.problem or error.context}"
        document.problems.append(Problem(file=document.file, line=line + 1, column=column + 1, message=message))
    except (YAMLError, RecursionError, ValueError) as error:
        document.problems.append(document.problem((), f"is not YAML: {type(error).__name__}"))


def _refuse_indirection(document: Document, event: Any) -> None:
    where = {"file": document.file, "line": event.start_mark.line + 1, "column": event.start_mark.column + 1}
    name = type(event).__name__
    if name == "AliasEvent":
        document.problems.append(Problem(**where, message=f"alias *{event.anchor}: write the value out in full"))
    elif getattr(event, "anchor", None):
        document.problems.append(
            Problem(**where, message=f"anchor &{event.anchor}: anchors are not allowed; remove it")
        )
    elif getattr(event, "tag", None):
        document.problems.append(Problem(**where, message=f"tag {event.tag}: tags are not allowed; remove it"))


def _plain(document: Document, node: Any, path: Path_) -> Json:
    mark = node.start_mark
    style = getattr(node, "style", None) if isinstance(node.value, str) else None
    document.values[path] = Place(line=mark.line, column=mark.column, index=mark.index, style=style)
    if len(path) > MAX_LEVELS:
        document.problems.append(document.problem(path, f"is nested deeper than {MAX_LEVELS} levels; flatten it"))
        return None
    if isinstance(node.value, str):
        return _scalar(document, node, path)
    if node.tag.endswith(":seq"):
        return [_plain(document, child, (*path, index)) for index, child in enumerate(node.value)]
    found: dict[str, Json] = {}
    for key_node, value_node in node.value:
        key = key_node.value
        here = (*path, key) if isinstance(key, str) else path
        place = key_node.start_mark
        if not isinstance(key, str):
            document.problems.append(document.problem(path, "a key must be a plain word"))
            continue
        if key in found:
            where = {"file": document.file, "line": place.line + 1, "column": place.column + 1}
            document.problems.append(Problem(**where, message=f"key `{key}` appears twice; keep one of them"))
            continue
        document.keys[here] = Place(line=place.line, column=place.column, index=place.index)
        found[key] = _plain(document, value_node, here)
    return found


def _scalar(document: Document, node: Any, path: Path_) -> Json:
    text: str = node.value
    match node.tag.removeprefix("tag:yaml.org,2002:"):
        case "int":
            try:
                return int(text.replace("_", ""), 0)
            except ValueError:
                return int(text.replace("_", ""))
        case "float":
            return float(text.replace("_", ""))
        case "bool":
            return text.lower() == "true"
        case "null":
            return None
        case _:
            # Dates and the like stay the words that were written.
            return text


def check_model(document: Document, model: type[Model]) -> Model | None:
    """The document as `model`; what does not fit is added to the document's problems."""
    if document.data is None:
        return None
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        for item in error.errors(include_url=False, include_input=False, include_context=False):
            document.problems.append(_as_problem(document, model, item["type"], item["loc"], item["msg"]))
        return None


def _as_problem(document: Document, model: type[BaseModel], kind: str, loc: Path_, message: str) -> Problem:
    path = _existing(document, loc)
    name = str(loc[-1]) if loc else ""
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(name, _keys_at(model, loc[:-1]), n=1, cutoff=0.6)
        hint = f"did you mean `{near[0]}`?" if near else f"known keys are {', '.join(_keys_at(model, loc[:-1]))}"
        return document.problem(path, f"unknown key `{name}`; {hint}", key=True)
    if kind == "missing":
        return document.problem(path, f"`{name}` is missing; add it")
    text = message.removeprefix("Value error, ").removeprefix("Input ")
    return document.problem(path, f"`{_readable(path)}` {text}" if path else text)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """`did you mean ...?` when one of the known names is close."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean `{near[0]}`?" if near else None


def _existing(document: Document, loc: Path_) -> Path_:
    """The part of a pydantic location that exists in the file; tags of unions do not."""
    path: Path_ = ()
    for part in loc:
        if (*path, part) in document.values:
            path = (*path, part)
    return path


def _readable(path: Path_) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _keys_at(model: type[BaseModel], loc: Path_) -> list[str]:
    """The keys allowed at a place of a model."""
    current: Any = model
    for part in loc:
        for candidate in _models_in(current):
            for name, info in candidate.model_fields.items():
                if part in (name, info.alias):
                    current = info.annotation
    names: list[str] = []
    for candidate in _models_in(current):
        names.extend(info.alias or name for name, info in candidate.model_fields.items())
    return names


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [model for argument in typing.get_args(annotation) for model in _models_in(argument)]


def _value_at(data: Json, path: Path_) -> str:
    for part in path:
        data = data[part]
    return str(data)


def _source_index(text: str, place: Place, value: str, offset: int) -> int:
    """Where character `offset` of a scalar's value stands in the source.

    YAML folding changes only white space, so the n-th visible character of the value is the n-th of the source.
    """
    index = place.index
    if place.style in ("|", ">"):
        index = text.find("\n", index) + 1
    elif place.style in ("'", '"'):
        index += 1
    visible = sum(not character.isspace() for character in value[:offset])
    while index < len(text):
        if not text[index].isspace():
            if visible == 0:
                break
            visible -= 1
            escaped = place.style == '"' and text[index] == "\\"
            doubled = place.style == "'" and text.startswith("''", index)
            index += 1 if escaped or doubled else 0
        index += 1
    return min(index, max(len(text) - 1, 0))
