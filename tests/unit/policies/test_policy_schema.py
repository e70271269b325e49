"""The JSON Schema that editors use says what the loader says."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter, ValidationError

from core.canonical import JsonObject
from policies.actions import Duration, DurationOrNever
from policies.bundle import Bundle, default_bundle_path
from policies.schema import MODELS, json_schema, schema_file, schema_text
from tools.registry import default_registry

KEPT = Path(__file__).parents[3] / "policies" / "schemas"
TOOLS = default_registry().names()
#: Schemas by the file they are for; every file that ships has one.
SHIPPED = {
    path.name: path.stem if path.stem in MODELS else "tests" for path in sorted(default_bundle_path().glob("*.yaml"))
}
#: What says how long something may take.
DURATIONS: tuple[TypeAdapter[Any], ...] = (TypeAdapter(Duration), TypeAdapter(DurationOrNever))


@pytest.mark.parametrize("name", MODELS)
def test_the_kept_schema_is_the_one_that_the_models_make(name: str) -> None:
    kept = (KEPT / schema_file(name)).read_text(encoding="utf-8")
    assert kept == schema_text(name, TOOLS), "run `casemate policy schema --write policies/schemas`"
    Draft202012Validator.check_schema(json_schema(name, TOOLS))


def test_nothing_else_is_kept() -> None:
    assert {path.name for path in KEPT.iterdir()} == {schema_file(name) for name in MODELS}


@pytest.mark.parametrize(("file", "name"), SHIPPED.items())
def test_a_shipped_file_names_its_schema_and_fits_it(bundle: Bundle, file: str, name: str) -> None:
    first = bundle.files[file].splitlines()[0]
    match = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert match, f"{file} must begin with the line that tells an editor its schema"
    assert (default_bundle_path() / match[1]).resolve() == (KEPT / schema_file(name)).resolve()
    data = bundle.documents[file].data
    validator = Draft202012Validator(json_schema(name, TOOLS))
    assert [error.message for error in validator.iter_errors(data)] == []
    misspelt = {f"{key}x": value for key, value in data.items()}
    assert any("unexpected" in error.message for error in validator.iter_errors(misspelt))


def changed(bundle: Bundle, path: tuple[str | int, ...], value: Any) -> JsonObject:
    """`actions.yaml` with one value of its first rule replaced."""
    data = copy.deepcopy(bundle.documents["actions.yaml"].data)
    place = data["rules"][0]
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return dict(data)


@pytest.mark.parametrize(
    ("path", "value", "fits"),
    [
        (("then",), "deny", True),
        (("then",), "alow", False),
        (("then",), {"approvals": 2, "from": ["admin"], "expires": "never"}, True),
        (("then",), {"approvals": 2, "roles": ["admin"]}, False),
        (("then",), {"approvals": 0}, False),
        (("then",), {"approvals": 1, "expires": "4x"}, False),
        (("then",), {"approvals": 1, "on_expiry": "escalate"}, True),
        (("then",), {"approvals": 1, "on_expiry": "shrug"}, False),
        (("then",), {"approvals": 1, "reauthenticate": "5m"}, True),
        (("then",), {"approvals": 1, "reauthenticate": "never"}, False),
        (("lease",), "4h", True),
        (("lease",), "never", False),
        (("lease",), 4, False),
        (("limit",), {"per_hour": 5, "per_target": {"per_day": 1}, "per_source": {"per_hour": 9}}, True),
        (("limit",), {"per_minute": 5}, False),
        (("tools",), ["isolate_host"], True),
        (("tools",), ["isolate_hots"], False),
        (("when",), None, False),
        (("wehn",), "true", False),
        (("examples", 0, "given"), {"asset": {"tier": 4, "kind": "server"}}, True),
        (("examples", 0, "given"), {"asset": {"tier": 5}}, False),
        (("examples", 0, "given"), {"asset": {"kind": "sever"}}, False),
        (("examples", 0, "given"), {"aset": {}}, False),
        (("examples", 0, "given"), {"args": {"host": {"value": "WS-1", "sources": ["E1"]}}}, True),
        (("examples", 0, "given"), {"args": {"host": {"trusted": True}}}, False),
    ],
)
def test_an_editor_sees_what_the_loader_would_say(
    bundle: Bundle, path: tuple[str | int, ...], value: Any, fits: bool
) -> None:
    data = changed(bundle, path, value)
    assert Draft202012Validator(json_schema("actions", TOOLS)).is_valid(data) is fits


@settings(deadline=None)
@given(st.one_of(st.from_regex(r"[0-9a-z]{1,8}", fullmatch=True), st.sampled_from(["never", "30m", "0h", "1h\n"])))
def test_durations_are_the_same_in_schema_and_loader(text: str) -> None:
    for adapter in DURATIONS:
        pattern = adapter.json_schema()["pattern"]
        try:
            adapter.validate_python(text)
            loads = True
        except ValidationError:
            loads = False
        # `$` of Python also stands before a line end at the end; that of JSON Schema does not.
        assert bool(re.fullmatch(pattern.removeprefix("^").removesuffix("$"), text)) is loads


def test_every_key_is_described() -> None:
    """What an editor shows beside a key comes from the comment above its field."""
    for name in ("actions", "organization", "tests"):
        schema = json_schema(name)
        for part, definition in {name: schema, **schema.get("$defs", {})}.items():
            for key, value in definition.get("properties", {}).items():
                described = "description" in value or "$ref" in value
                assert described, f"{part}.{key} has no description; write a `#:` comment above the field"
