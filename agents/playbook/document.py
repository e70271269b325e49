"""Reads one YAML document into one strict model; every mistake is reported with file, line and column."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from core.errors import BundleInvalid, Problem

#: Bytes in one document; real ones are below a tenth of it.
MAX_BYTES = 256 * 1024


class Document(BaseModel):
    """A model for a YAML file: unknown keys are errors and nothing is coerced."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True)


D = TypeVar("D", bound=Document)


def read(path: Path, model: type[D]) -> D:
    """Parse `path` as `model`.

    Raises:
        BundleInvalid: with every problem of the file at once.
    """
    marked = _parse(path)
    try:
        return model.model_validate(_plain(marked))
    except ValidationError as error:
        problems = []
        for item in error.errors(include_url=False, include_input=False, include_context=False):
            line, column = _place(marked, item["loc"])
            where = ".".join(str(part) for part in item["loc"]) or "document"
            message = item["msg"].removeprefix("Value error, ")
            problems.append(problem(path, f"{where}: {message}", line=line, column=column))
        raise BundleInvalid(problems) from None


def problem(path: Path, message: str, *, line: int = 1, column: int = 1) -> Problem:
    return Problem(file=path.name, line=line, column=column, message=message)


def _parse(path: Path) -> Any:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BundleInvalid([problem(path, f"cannot be read ({error.strerror}); check the path")]) from None
    if len(content) > MAX_BYTES:
        raise BundleInvalid([problem(path, f"is larger than {MAX_BYTES} bytes; split it")])
    try:
        return YAML(typ="rt", pure=True).load(content)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise BundleInvalid([problem(path, f"is not YAML: {error.problem}", line=line, column=column)]) from None
    except (YAMLError, UnicodeDecodeError):
        raise BundleInvalid([problem(path, "is not YAML in UTF-8; save it as UTF-8 text")]) from None


def _plain(value: Any) -> Any:
    """The same value in Python's own types; a tagged or odd scalar becomes text and fails its field's type."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return str(value)


def _place(marked: Any, loc: tuple[int | str, ...]) -> tuple[int, int]:
    """Line and column of the deepest part of `loc` that the file has."""
    line, column = 1, 1
    node = marked
    for part in loc:
        if isinstance(node, CommentedMap) and part in node:
            found = node.lc.key(part)
        elif isinstance(node, CommentedSeq) and isinstance(part, int) and part < len(node):
            found = node.lc.item(part)
        else:
            break
        line, column = found[0] + 1, found[1] + 1
        node = node[part]
    return line, column
