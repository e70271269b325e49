"""Connectors from YAML against real local servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.clock import FixedClock
from core.secret_store import SecretStore
from tests.unit.connectors.target import Target, target_server
from tools.connectors.loading import Shelf, load
from tools.connectors.rest import RestConnector
from tools.registry import default_registry

#: Every secret the shipped connectors name; the text must never be seen anywhere but in a request.
SECRETS = {
    "microsoft_client_id": "the-client",
    "microsoft_client_secret": "s3cr3t-ms",
    "crowdstrike_client_id": "cs-client",
    "crowdstrike_client_secret": "s3cr3t-cs",
    "okta_token": "s3cr3t-okta",
    "aws_access_key": "AKIDEXAMPLE",
    "aws_secret_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "webhook_signing": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "plain_token": "s3cr3t-plain",
}

Make = Callable[..., RestConnector]


@pytest.fixture
def target() -> Iterator[Target]:
    with target_server() as server:
        yield server


@pytest.fixture
def secrets(tmp_path: Path) -> SecretStore:
    folder = tmp_path / "secrets"
    folder.mkdir()
    for name, text in SECRETS.items():
        (folder / name).write_text(text + "\n")
    return SecretStore(folder, environ={})


def shelf_of(folder: Path, files: dict[str, str]) -> Shelf:
    """What is read of a folder with these files."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return load(folder, default_registry().shapes())


@pytest.fixture
def make(tmp_path: Path, target: Target, secrets: SecretStore, clock: FixedClock) -> Iterator[Make]:
    """Builds a connector that talks to the test's target: a shipped one by name, or one from its text."""
    made: list[RestConnector] = []

    def build(name: str, text: str | None = None, **values: Any) -> RestConnector:
        set_values = "".join(f"      {key}: '{value}'\n" for key, value in values.items())
        files = {"routes.yaml": f"connectors:\n  {name}:\n    values:\n{set_values}"} if values else {}
        if text is not None:
            files[f"{name}.yaml"] = text
        shelf = shelf_of(tmp_path / "connectors", files)
        assert name not in shelf.unset
        made.append(RestConnector(shelf.connectors[name], secrets, clock))
        return made[-1]

    yield build
    for connector in made:
        connector.close()
