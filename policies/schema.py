"""JSON Schema of the policy files, made from the models that check them: an editor knows what casemate knows."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from pydantic import BaseModel

from core.canonical import Json, JsonObject
from policies.actions import ActionRules
from policies.guardrails.rules import Guardrails
from policies.invariants import Invariants
from policies.masking.rules import MaskingRules
from policies.models import Models
from policies.network import Network
from policies.organization import Organization
from policies.sentences import models_in
from policies.suite import Suite
from policies.vocabulary import BUILT_IN

#: What each schema describes; `NAME.yaml`, and `*_test.yaml` for tests.
MODELS: Mapping[str, type[BaseModel]] = {
    "actions": ActionRules,
    "organization": Organization,
    "masking": MaskingRules,
    "guardrails": Guardrails,
    "invariants": Invariants,
    "network": Network,
    "models": Models,
    "tests": Suite,
}

#: Names of tools of MCP servers, which may be there or not.
EXTERNAL = "^[a-z][a-z0-9]*(_[a-z0-9]+)*__[a-z0-9_]+$"

_COMMENT = re.compile(r"\s*#: ?(.*)")
_FIELD = re.compile(r"\s+([a-z_]+)\s*:")


def json_schema(name: str, tools: Iterable[str] = ()) -> JsonObject:
    """The schema of one kind of policy file (JSON Schema draft 2020-12). With `tools` no other tool can be named.

    Raises:
        KeyError: there is no such kind.
    """
    model = MODELS[name]
    made = model.model_json_schema(by_alias=True)
    definitions: JsonObject = made.pop("$defs", {})
    for part in _reachable(model):
        _describe(made if part is model else definitions.get(part.__name__, {}), part)
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Casemate policy: {'*_test' if name == 'tests' else name}.yaml",
        **_plain(made),
    }
    schema["$defs"] = {part: _plain(definition) for part, definition in sorted(definitions.items())}
    _name_tools(schema["$defs"], sorted({*tools, *BUILT_IN}) if tools else [])
    return schema


def schema_file(name: str) -> str:
    """What `casemate policy schema --write` names the file."""
    return f"{name}.schema.json"


def schema_text(name: str, tools: Iterable[str] = ()) -> str:
    """The file as it is kept."""
    return json.dumps(json_schema(name, tools), indent=2, ensure_ascii=False) + "\n"


def _reachable(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A model and every model inside it, each once."""
    seen: list[type[BaseModel]] = [model]
    for current in seen:
        yield current
        for info in current.model_fields.values():
            seen.extend(inner for inner in models_in(info.annotation) if inner not in seen)


def _describe(schema: JsonObject, model: type[BaseModel]) -> None:
    """Give each property the comment (`#:`) that stands above its field."""
    properties: JsonObject = schema.get("properties", {})
    for field, info in model.model_fields.items():
        comment = _comments(model).get(field)
        if comment and (key := info.alias or field) in properties:
            properties[key] = {**properties[key], "description": comment}


@cache
def _comments(model: type[BaseModel]) -> Mapping[str, str]:
    """The comments above the fields of a model and of what it is made from. Python parses a file to find a class."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if not issubclass(base, BaseModel) or base is BaseModel:
            continue
        try:
            lines = inspect.getsource(base).splitlines()
        except (OSError, TypeError):
            continue  # Made at run time; its fields carry their own descriptions.
        found |= _commented(lines)
    return found


def _commented(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    above: list[str] = []
    for line in lines:
        comment, field = _COMMENT.fullmatch(line), _FIELD.match(line)
        if comment:
            above.append(comment[1])
            continue
        if field and above:
            found[field[1]] = " ".join(above)
        above = []
    return found


def _name_tools(definitions: JsonObject, tools: list[str]) -> None:
    if tools and "Rule" in definitions:
        definitions["Rule"]["properties"]["tools"]["items"] = {"anyOf": [{"enum": tools}, {"pattern": EXTERNAL}]}
    if tools and "Given" in definitions:
        definitions["Given"]["properties"]["tool"]["anyOf"] = [{"enum": tools}, {"pattern": EXTERNAL}]


def _plain(schema: Json) -> Json:
    """Without what pydantic says for itself: titles made of names, nulls (no file may hold one), parsed defaults."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _plain(value) for key, value in schema.items() if key != "title" or isinstance(value, dict)}
    choices = plain.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        plain["anyOf"] = [choice for choice in choices if choice != {"type": "null"}]
        if len(plain["anyOf"]) == 1:
            plain = {**plain.pop("anyOf")[0], **plain}
    # A duration is written as text and its default kept in seconds; the description says what it is.
    if "default" in plain and (plain["default"] is None or "examples" in plain):
        del plain["default"]
    return plain
