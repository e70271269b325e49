"""docker-compose.yml follows the Compose specification and the house's own rules for services, in every profile."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from agents.spec import load_teams
from cli.checks import CHECKS
from core.settings import Settings
from tests.unit.project.command_line import refusal
from workflows.investigate import GRACE_SECONDS

ROOT = Path(__file__).parents[3]
#: The schema of the Compose specification, as the check-jsonschema package carries it.
SCHEMA = json.loads(
    (resources.files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text(encoding="utf-8")
)
#: What every operator gets, and what each profile adds.
ALWAYS = {"gateway", "worker", "beat", "broker", "redis", "postgres", "model"}
PROFILES = {"": set[str](), "cpu": {"serving-cpu"}, "gpu": {"serving-gpu"}}
VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::-([^}]*))?\}")


def env_file(profile: str) -> dict[str, str]:
    """What deploy/PROFILE.env sets; nothing without a profile."""
    if not profile:
        return {}
    lines = (ROOT / "deploy" / f"{profile}.env").read_text().splitlines()
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name: value.strip("'") for name, _, value in pairs}


def filled(value: Any, variables: dict[str, str]) -> Any:
    """A part of the file with its variables replaced as Compose does it, after the YAML is read."""
    if isinstance(value, dict):
        return {key: filled(part, variables) for key, part in value.items()}
    if isinstance(value, list):
        return [filled(part, variables) for part in value]
    if isinstance(value, str):
        return VARIABLE.sub(lambda found: variables.get(found[1]) or found[2] or "", value)
    return value


def rendered(profile: str) -> dict[str, Any]:
    """The file as Compose reads it with the env file of a profile."""
    variables = env_file(profile)
    loaded: dict[str, Any] = filled(YAML(typ="safe").load((ROOT / "docker-compose.yml").read_text()), variables)
    wanted = set(variables.get("COMPOSE_PROFILES", "").split(","))
    loaded["services"] = {
        name: service
        for name, service in loaded["services"].items()
        if not service.get("profiles") or wanted & set(service["profiles"])
    }
    return loaded


@pytest.fixture(scope="module", params=PROFILES)
def compose(request: pytest.FixtureRequest) -> dict[str, Any]:
    return rendered(request.param)


def problems(document: dict[str, Any]) -> list[str]:
    """What the specification finds wrong."""
    validator = jsonschema.validators.validator_for(SCHEMA)(SCHEMA)
    return [error.message for error in validator.iter_errors(document)]


def casemate_services(compose: dict[str, Any]) -> dict[str, Any]:
    """The services that run our images."""
    return {name: s for name, s in compose["services"].items() if s["image"].startswith("casemate")}


def settings_of(service: dict[str, Any]) -> Settings:
    """The settings a process of this service would read, but for its secrets."""
    given = {k.removeprefix("CASEMATE_").lower(): v for k, v in service.get("environment", {}).items()}
    assert given.keys() <= Settings.model_fields.keys()
    for name in ("model_fallbacks", "api_keys"):
        if name in given:
            given[name] = json.loads(given[name])
    return Settings(**given)


def test_the_file_follows_the_compose_specification(compose: dict[str, Any]) -> None:
    assert problems(compose) == []


def test_the_specification_would_notice_a_mistake(compose: dict[str, Any]) -> None:
    broken = {**compose, "services": {**compose["services"], "worker": {"image": "casemate", "restarts": "always"}}}
    assert problems(broken)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_adds_its_model_server_to_the_seven_processes(profile: str) -> None:
    assert rendered(profile)["services"].keys() == ALWAYS | PROFILES[profile]


def test_every_service_runs_with_few_rights_and_a_health_check(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert not service.get("privileged"), name
        assert service["healthcheck"]["test"], name


def test_every_command_is_one_that_casemate_takes(compose: dict[str, Any]) -> None:
    services = casemate_services(compose)
    assert [why for service in services.values() if (why := refusal(service["command"]))] == []


def test_health_checks_run_casemate_with_the_secrets_of_its_process(compose: dict[str, Any]) -> None:
    """Without the entrypoint a check would look at an empty SQLite file of its own, and always be unhappy."""
    for name, service in casemate_services(compose).items():
        words = service["healthcheck"]["test"][1:]
        if words[0] == "python":
            assert words[2].count("readyz" if name != "model" else "healthz") == 1
            continue
        assert words[0] == "casemate-entrypoint", name
        if words[1] == "alive":
            continue
        assert refusal(words[1:]) is None
        assert {word for word in words[2:] if word != "--only"} <= CHECKS.keys()


def test_only_settings_that_exist_are_set(compose: dict[str, Any]) -> None:
    for service in casemate_services(compose).values():
        settings_of(service)


@pytest.mark.parametrize("profile", PROFILES)
def test_workers_think_with_the_model_of_the_profile_and_the_playbook_ends_the_chain(profile: str) -> None:
    compose = rendered(profile)
    chain = settings_of(compose["services"]["worker"]).model_chain
    assert chain[-1].name == "playbook"
    host, port = chain[0].url.removeprefix("http://").removesuffix("/v1").split(":")
    names = set(compose["services"])
    for service in compose["services"].values():
        if isinstance(service["networks"], dict):
            names |= {alias for network in service["networks"].values() for alias in network["aliases"]}
    assert host in names
    server = compose["services"]["model" if not profile else f"serving-{profile}"]
    if profile:
        assert f"--port={port}" in server["command"]
        assert f"--name={chain[0].name}" in server["command"]
    assert set(compose["services"]["worker"]["networks"]) & set(server["networks"])


def test_a_served_model_is_mounted_read_only_and_asks_for_a_key() -> None:
    for profile in ("cpu", "gpu"):
        compose = rendered(profile)
        server = compose["services"][f"serving-{profile}"]
        assert server["volumes"] == ["./models:/models/served:ro"]
        assert server["command"][1] == "/models/served"
        assert "--api-key-file=/run/secrets/serving_api_key" in server["command"]
        assert server["secrets"] == ["serving_api_key"]
        assert "casemate_model_api_key" in compose["services"]["worker"]["secrets"]


def test_the_gpu_is_reserved_for_the_server_of_its_profile_only() -> None:
    devices = rendered("gpu")["services"]["serving-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices == [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]
    for profile in ("", "cpu"):
        assert all("deploy" not in service for service in rendered(profile)["services"].values())


def test_only_the_worker_has_another_seccomp_profile_and_it_is_ours(compose: dict[str, Any]) -> None:
    lifted = {n: o for n, s in compose["services"].items() for o in s["security_opt"] if not o.startswith("no-new")}
    assert lifted.keys() == {"worker"}
    (seccomp,) = [o for o in compose["services"]["worker"]["security_opt"] if o.startswith("seccomp=")]
    assert (ROOT / seccomp.removeprefix("seccomp=")).is_file()


def test_no_secret_stands_in_the_file(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for variable, value in (service.get("environment") or {}).items():
            if any(word in variable for word in ("PASSWORD", "SECRET", "API_KEY")):
                assert variable.endswith(("_FILE", "_DIR")), f"{name}: {variable}={value}"


def test_every_secret_is_made_by_the_script_and_every_file_there_is(compose: dict[str, Any]) -> None:
    made = set(re.findall(r"^put (\S+)", (ROOT / "deploy/make-secrets.sh").read_text(), re.MULTILINE))
    for name, secret in compose["secrets"].items():
        assert secret["file"] == f"./deploy/secrets/{name}"
        assert name in made
    for service in casemate_services(compose).values():
        assert (ROOT / service["build"]["dockerfile"]).is_file()


def test_model_servers_reach_neither_database_nor_broker_nor_anybody_outside(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name in {"model", "serving-cpu", "serving-gpu"} & services.keys():
        for store in ("redis", "postgres"):
            assert set(services[name]["networks"]).isdisjoint(services[store]["networks"])
        assert all(compose["networks"][network].get("internal") for network in services[name]["networks"])


def test_only_the_network_broker_sees_the_keys_of_vendors(compose: dict[str, Any]) -> None:
    holders = [name for name, service in compose["services"].items() if "vendors" in str(service)]
    assert holders == ["broker"]


def test_only_the_gateway_listens_outside_and_knows_who_may_come_in(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert [name for name, service in services.items() if "ports" in service] == ["gateway"]
    assert [name for name, service in services.items() if "casemate_api_keys" in service["secrets"]] == ["gateway"]
    assert [name for name, s in services.items() if "casemate_model_api_key" in s["secrets"]] == ["worker"]


def test_a_worker_that_is_stopped_finishes_its_longest_step(compose: dict[str, Any]) -> None:
    longest = max(team.budget.seconds for team in load_teams().by_name.values()) + GRACE_SECONDS
    assert int(compose["services"]["worker"]["stop_grace_period"].removesuffix("s")) > longest
