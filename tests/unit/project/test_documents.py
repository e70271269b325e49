"""What the documents promise is checked against the code."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from typer.main import get_command

from cli.samples import load_samples
from core.settings import Settings
from core.ticket import TicketIn

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def name_of(requirement: str) -> str:
    """`celery[redis]>=5` → `celery`."""
    return re.split(r"[\[<>=~! ]", requirement, maxsplit=1)[0].lower()


def declared() -> set[str]:
    """Every package that pyproject.toml asks for."""
    extras = PROJECT["optional-dependencies"].values()
    return {name_of(requirement) for group in (PROJECT["dependencies"], *extras) for requirement in group}


def documented(file: str, pattern: str) -> dict[str, str]:
    """First column → rest of the row, of every table row in a document."""
    rows = re.findall(rf"^\| `({pattern})` \|(.*)\|$", (ROOT / "docs" / file).read_text(), re.MULTILINE)
    return dict(rows)


def test_every_dependency_has_a_reason_and_every_reason_a_dependency() -> None:
    reasons = documented("dependencies.md", r"[a-z0-9_.-]+")
    assert reasons.keys() == declared()
    assert all(reason.strip() for reason in reasons.values())


def test_every_declared_dependency_is_pinned() -> None:
    pins = [line.partition("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines()]
    missing = {name for name in declared() if name.replace("_", "-") not in {pin.replace("_", "-") for pin in pins}}
    assert missing == set()


def test_every_pin_is_exact() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    loose = [line for line in lines if not re.fullmatch(r"#.*|[A-Za-z0-9._-]+==[A-Za-z0-9._+!]+", line)]
    assert loose == []


def test_every_setting_is_documented_with_its_default_and_nothing_else_is() -> None:
    rows = documented("settings.md", "CASEMATE_[A-Z_]+")
    assert rows.keys() == {f"CASEMATE_{name.upper()}" for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        simple = isinstance(default, (bool, int, float)) or (isinstance(default, str) and default)
        if simple:
            shown = f"{default:g}" if isinstance(default, float) else str(default)
            assert f"`{shown}`" in rows[f"CASEMATE_{name.upper()}"], f"the default of {name} is {shown}"


def commands(command: Any, path: str) -> set[str]:
    """Every command that can be run, with its whole name."""
    children: dict[str, Any] | None = getattr(command, "commands", None)
    if children is None:
        return {path}
    return {found for name, child in children.items() for found in commands(child, f"{path} {name}")}


def test_every_command_is_documented_and_nothing_else_is() -> None:
    from cli.main import app

    assert documented("commands.md", "casemate[a-z -]*").keys() == commands(get_command(app), "casemate")


def test_the_readme_names_the_two_commands_on_its_first_screen() -> None:
    first_screen = "\n".join((ROOT / "README.md").read_text().splitlines()[:40])
    assert "make demo" in first_screen
    assert "make test" in first_screen


def test_the_licence_is_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text


def links() -> list[tuple[str, str]]:
    """(document, target) of every relative link in the documents."""
    files = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    found = []
    for file in files:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", file.read_text()):
            if "://" not in target:
                found.append((str(file.relative_to(ROOT)), target))
    return found


@pytest.mark.parametrize(("document", "target"), links())
def test_links_between_documents_lead_somewhere(document: str, target: str) -> None:
    assert ((ROOT / document).parent / target).exists()


def test_the_ticket_schema_is_the_one_the_door_checks() -> None:
    written = json.loads((DOCS / "ticket.schema.json").read_text())
    code = TicketIn.model_json_schema()
    assert {name: value for name, value in written.items() if name not in {"$schema", "title"}} == {
        name: value for name, value in code.items() if name != "title"
    }


def test_every_ticket_of_the_demo_fits_the_published_schema() -> None:
    validator = Draft202012Validator(json.loads((DOCS / "ticket.schema.json").read_text()))
    for sample in load_samples():
        assert validator.is_valid(sample.ticket) is sample.valid, sample.name
