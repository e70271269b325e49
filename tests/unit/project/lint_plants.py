"""Run by test_import_contracts in a copy of the tree: plants one violation after the other and prints what broke.

A program of its own, because import-linter finds packages through sys.path and the tests' own path has the real tree.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from importlinter import api  # configures import-linter on import
from importlinter.application import use_cases
from importlinter.application.user_options import UserOptions


def broken(options: UserOptions) -> list[str]:
    """Ids of the contracts that the tree in the working directory breaks."""
    ids = {contract["name"]: contract["id"] for contract in options.contracts_options}
    report = use_cases.create_report(options, cache_dir=None)
    if report.could_not_run:
        raise SystemExit(f"invalid contracts: {report.invalid_contract_options}")
    return sorted(ids[contract.name] for contract, check in report.get_contracts_and_checks() if not check.kept)


def main() -> None:
    plants: list[tuple[str, str, str]] = json.loads(sys.argv[1])
    sys.path.insert(0, str(Path.cwd()))
    assert api.read_configuration("pyproject.toml")["contracts_options"]
    options = use_cases.read_user_options("pyproject.toml")
    use_cases._register_contract_types(options)
    found: dict[str, list[str]] = {"": broken(options)}
    for name, file, line in plants:
        planted = Path(file)
        planted.write_text(line + "\n")
        found[name] = broken(options)
        planted.unlink()
    Path(sys.argv[2]).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
