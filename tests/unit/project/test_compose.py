"""docker-compose.yml follows the Compose specification and the house's own rules for services."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[3]
#: The schema of the Compose specification, as the check-jsonschema package carries it.
SCHEMA = json.loads(
    (resources.files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text())
    return loaded


def problems(document: dict[str, Any]) -> list[str]:
    """What the specification finds wrong."""
    validator = jsonschema.validators.validator_for(SCHEMA)(SCHEMA)
    return [error.message for error in validator.iter_errors(document)]


def test_the_file_follows_the_compose_specification(compose: dict[str, Any]) -> None:
    assert problems(compose) == []


def test_the_specification_would_notice_a_mistake(compose: dict[str, Any]) -> None:
    broken = {**compose, "services": {**compose["services"], "worker": {"image": "casemate", "restarts": "always"}}}
    assert problems(broken)


def test_all_seven_processes_are_there(compose: dict[str, Any]) -> None:
    assert compose["services"].keys() == {
        "gateway", "worker", "beat", "broker", "redis", "postgres", "model",
    }  # fmt: skip


def test_every_service_runs_with_few_rights_and_a_health_check(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["healthcheck"]["test"], name


def test_no_secret_stands_in_the_file(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for variable, value in (service.get("environment") or {}).items():
            if any(word in variable for word in ("PASSWORD", "SECRET", "API_KEY")):
                assert variable.endswith(("_FILE", "_DIR")), f"{name}: {variable}={value}"


def test_the_model_server_reaches_neither_database_nor_broker(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for store in ("redis", "postgres"):
        assert set(services["model"]["networks"]).isdisjoint(services[store]["networks"])


def test_only_the_network_broker_sees_the_keys_of_vendors(compose: dict[str, Any]) -> None:
    holders = [name for name, service in compose["services"].items() if "vendors" in str(service)]
    assert holders == ["broker"]


def test_only_the_gateway_listens_outside(compose: dict[str, Any]) -> None:
    assert [name for name, service in compose["services"].items() if "ports" in service] == ["gateway"]
