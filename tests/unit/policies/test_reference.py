"""docs/reference/policy.md cannot lie: its blocks are loaded, its errors produced, its tables held against the code."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from core.errors import BundleInvalid
from policies.actions import Ask, Example, GivenArgument, Limit, Rule, Window
from policies.bundle import Bundle, BundleSource, load_bundle
from policies.condition import Compiler
from policies.meanings import MEANINGS
from policies.organization import Asset, Organization, Person
from policies.suite import Case
from policies.vocabulary import FIELDS, strictest
from tools.registry import default_registry

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "policy.md"
TEXT = PAGE.read_text(encoding="utf-8")
#: (what the fence says, what stands in it, where it stands)
BLOCKS = [
    (match[1], match[2], TEXT.count("\n", 0, match.start()) + 1)
    for match in re.finditer(r"^```([a-z ]*)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
]
TOOLS = default_registry().shapes()


def blocks(kind: str) -> list[Any]:
    return [pytest.param(text, id=f"line {line}") for said, text, line in BLOCKS if said == kind]


def parsed(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def written(data: Any) -> str:
    stream = StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.width = 4000
    yaml.dump(data, stream)
    return stream.getvalue()


def with_file(bundle: Bundle, name: str, text: str) -> BundleSource:
    return BundleSource.from_files({**bundle.files, name: text}, name="docs")


def test_every_block_is_of_a_kind_that_is_run() -> None:
    kinds = {said for said, _, _ in BLOCKS}
    assert kinds == {
        "yaml rules",
        "yaml actions",
        "yaml organization",
        "yaml models",
        "yaml tests",
        "yaml broken",
        "text",
        "cel",
        "yaml",
    }
    assert [text for said, text, _ in BLOCKS if said == "yaml"] == [
        "# yaml-language-server: $schema=../../schemas/actions.schema.json\n"
    ]


@pytest.mark.parametrize("text", blocks("yaml rules"))
def test_a_rule_of_the_page_loads_beside_the_rules_that_ship(bundle: Bundle, text: str) -> None:
    actions = parsed(bundle.files["actions.yaml"])
    actions["rules"].extend(parsed(text))
    loaded = load_bundle(with_file(bundle, "actions.yaml", written(actions)), tools=TOOLS)
    assert len(loaded.rules) > len(bundle.rules)


@pytest.mark.parametrize(
    ("kind", "file"),
    [("actions", "actions.yaml"), ("organization", "organization.yaml"), ("models", "models.yaml")],
)
def test_a_file_of_the_page_loads_in_place_of_what_ships(bundle: Bundle, kind: str, file: str) -> None:
    for text in [text for said, text, _ in BLOCKS if said == f"yaml {kind}"]:
        whole = {**parsed(bundle.files[file]), **parsed(text)}
        # The examples of masking speak of people whom only the shipped organization has.
        files = {**bundle.files, file: written(whole), "masking.yaml": "report: {sources: []}\n"}
        assert load_bundle(BundleSource.from_files(files), tools=TOOLS).hash != bundle.hash


@pytest.mark.parametrize("text", blocks("yaml tests"))
def test_a_test_of_the_page_holds(bundle: Bundle, text: str) -> None:
    assert "docs_test.yaml" in load_bundle(with_file(bundle, "docs_test.yaml", text), tools=TOOLS).tests


@pytest.mark.parametrize("condition", "".join(text for said, text, _ in BLOCKS if said == "cel").splitlines())
def test_a_condition_of_the_page_compiles(bundle: Bundle, condition: str) -> None:
    Compiler(bundle.organization).compile(condition)


BROKEN = [
    pytest.param(text, BLOCKS[number + 1][1], id=f"line {line}")
    for number, (said, text, line) in enumerate(BLOCKS)
    if said == "yaml broken"
]


@pytest.mark.parametrize(("text", "errors"), BROKEN)
def test_the_errors_of_the_page_are_the_errors_there_are(bundle: Bundle, text: str, errors: str) -> None:
    files = {name: kept for name, kept in bundle.files.items() if not name.endswith("_test.yaml")}
    with pytest.raises(BundleInvalid) as caught:
        load_bundle(BundleSource.from_files({**files, "actions.yaml": text}, name="docs"), tools=TOOLS)
    assert [str(problem).removeprefix("docs/") for problem in caught.value.problems] == errors.splitlines()


def test_every_fact_stands_in_the_table_with_its_type_meaning_and_value() -> None:
    rows = dict(re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \| ((?:bool|int|double|string) .*) \|$", TEXT, re.MULTILINE))
    values = strictest()
    wanted = {}
    for group, fields in FIELDS.items():
        for field, kind in fields.items():
            value = values[group][field]
            shown = f'`"{value}"`' if isinstance(value, str) else str(value).lower()
            wanted[f"{group}.{field}"] = f"{kind} | {MEANINGS[f'{group}.{field}'].words} | {shown}"
    assert rows == wanted
    assert set(MEANINGS) == set(wanted)


@pytest.mark.parametrize("model", [Rule, Ask, Limit, Window, Example, GivenArgument, Case, Organization, Person, Asset])
def test_every_key_is_explained(model: Any) -> None:
    keys = [info.alias or name for name, info in model.model_fields.items()]
    prose = re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)
    explained = {word for cell in re.findall(r"`([^`]+)`", prose) for word in re.findall(r"[a-z_]+", cell)}
    assert [key for key in keys if key not in explained] == []
