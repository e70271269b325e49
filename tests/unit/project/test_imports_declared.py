"""What the code imports is what pyproject.toml declares, and nothing declared lies idle."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = PROJECT["tool"]["importlinter"]["root_packages"]
#: Declared for the sake of another package, never imported by name.
NEVER_IMPORTED = {
    "redis": "kombu loads it for Redis",
}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(requirements: list[str]) -> set[str]:
    return {canonical(re.split(r"[\[<>=~! ]", requirement, maxsplit=1)[0]) for requirement in requirements}


def imported() -> dict[str, set[str]]:
    """Distribution → files of the project that import it. A namespace such as `google` is told apart by its parts."""
    owners = packages_distributions()
    found: dict[str, set[str]] = {}
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            for module in modules(file):
                top = module.partition(".")[0]
                if top in sys.stdlib_module_names or top in {*PACKAGES, "tests"}:
                    continue
                name = "google-adk" if module.startswith(("google.adk", "google.genai")) else owners.get(top, [top])[0]
                found.setdefault(canonical(name), set()).add(str(file.relative_to(ROOT)))
    return found


def modules(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return names | {
        node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module and not node.level
    }


def test_everything_imported_is_declared() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    known = declared(PROJECT["project"]["dependencies"])
    known = known.union(*(declared(extras[extra]) for extra in ("serving", "training", "vault")))
    # What a benchmark measures beside ours is installed for development only.
    peers = declared(extras["dev"])
    undeclared = {
        name: sorted(files)[:2]
        for name, files in imported().items()
        if name not in known and not (name in peers and all(file.startswith("benchmarks/") for file in files))
    }
    assert undeclared == {}


def test_everything_declared_is_imported_or_says_why_not() -> None:
    idle = declared(PROJECT["project"]["dependencies"]) - imported().keys()
    assert idle == NEVER_IMPORTED.keys()
