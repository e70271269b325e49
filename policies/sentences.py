"""What pydantic found, as sentences for the person who edits the file: which key, and what to write instead."""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from core.errors import Problem
from policies.document import Document, Path

Model = TypeVar("Model", bound=BaseModel)

#: Patterns of keys, in words.
_PATTERNS = {
    r"^[a-z0-9][a-z0-9_.-]*$": "may hold lower-case letters, digits, `_`, `.` and `-` only; rename it",
    r"^[A-Z]{2}$": "should be two capital letters, such as DE",
    r"^[^\s\\@]+$": "may hold neither spaces nor `@` nor a backslash; write the plain username",
}
#: Kinds of error of pydantic, and what to write instead.
_SENTENCES = {
    ("int_type", "int_from_float", "int_parsing"): "should be a whole number, such as 2",
    ("float_type", "float_parsing"): "should be a number, such as 0.9",
    ("string_type",): "should be text; put it in quotes",
    ("bool_type", "bool_parsing"): "should be true or false",
    ("list_type", "tuple_type"): "should be a list; write [a, b], or one `- ` a line",
    ("dict_type", "model_type", "model_attributes_type"): "should be keys with values; write one `key: value` a line",
    ("literal_error",): "should be {expected}",
    ("too_short",): "needs at least {min_length}; add one",
    ("too_long",): "has more than {max_length} entries; remove some",
    ("string_too_short",): "is empty; write something or remove the key",
    ("string_too_long",): "is longer than {max_length} characters; shorten it",
}


def faults(found: Iterable[tuple[Path, str]]) -> PydanticCustomError:
    """An error for a validator to raise: several sentences, each at a path inside the value that is checked."""
    faults = list(found)
    return PydanticCustomError("faults", "{said}", {"faults": faults, "said": "; ".join(said for _, said in faults)})


def check_model(document: Document, model: type[Model]) -> Model | None:
    """The document as `model`; what does not fit is added to the document's problems."""
    if document.data is None:
        return None
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        document.problems.extend(_problems_in(document, model, error))
        return None


def _problems_in(document: Document, model: type[BaseModel], error: ValidationError) -> Iterator[Problem]:
    """Every problem of a document that does not fit its model."""
    for item in error.errors(include_url=False, include_input=False):
        path = _existing(document, item["loc"])
        if document.is_unreadable(path):
            continue
        for inner, message, at_key in _messages(document, model, path, item):
            yield document.problem((*path, *inner), message, key=at_key)


def _messages(
    document: Document, model: type[BaseModel], path: Path, item: ErrorDetails
) -> Iterator[tuple[Path, str, bool]]:
    """Path inside the value, sentence, and whether its key is meant rather than its value."""
    kind, loc, context = item["type"], item["loc"], item.get("ctx", {})
    name = str(loc[-1]) if loc else ""
    if kind == "faults":
        for inner, message in context["faults"]:
            yield tuple(inner), message, False
    elif kind == "extra_forbidden":
        known = _keys_at(model, loc[:-1])
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
        hint = f"did you mean `{near[0]}`?" if near else f"known keys are {', '.join(known)}"
        yield (), f"unknown key `{name}`; {hint}", True
    elif kind == "missing":
        yield (), f"`{name}` is missing; add it", False
    elif name == "[key]":
        yield (), f"unknown key `{path[-1]}`; {_one_of(str(path[-1]), context)}", True
    else:
        text = _sentence(kind, item["msg"], context)
        if kind == "literal_error":
            text += _near(document, path, context)
        yield (), f"`{_readable(path)}` {text}" if path else text, False


def _sentence(kind: str, said: str, context: Mapping[str, Any]) -> str:
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(context["pattern"], f"should match {context['pattern']}")
    for kinds, sentence in _SENTENCES.items():
        if kind in kinds:
            return sentence.format_map(context)
    return said.removeprefix("Value error, ").removeprefix("Input ")


def _one_of(word: str, context: Mapping[str, Any]) -> str:
    known = _words(context)
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean `{near[0]}`?" if near else f"known keys are {', '.join(known)}"


def _near(document: Document, path: Path, context: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(str(document.value_at(path)), _words(context), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _words(context: Mapping[str, Any]) -> list[str]:
    return re.findall(r"'([^']*)'", str(context.get("expected", "")))


def _existing(document: Document, loc: Path) -> Path:
    """The part of a pydantic location that exists in the file; tags of unions do not."""
    path: Path = ()
    for part in loc:
        if (*path, part) in document.values:
            path = (*path, part)
    return path


def _readable(path: Path) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _keys_at(model: type[BaseModel], loc: Path) -> list[str]:
    """The keys allowed at a place of a model."""
    current: Any = model
    for part in loc:
        for candidate in models_in(current):
            for name, info in candidate.model_fields.items():
                if part in (name, info.alias):
                    current = info.annotation
    names: list[str] = []
    for candidate in models_in(current):
        names.extend(info.alias or name for name, info in candidate.model_fields.items())
    return names


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models an annotation speaks of, without those inside them."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [model for argument in typing.get_args(annotation) for model in models_in(argument)]
