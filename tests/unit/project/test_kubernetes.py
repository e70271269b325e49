"""Every overlay is valid Kubernetes, refers to nothing that is not there, and gives nobody a right too many."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from agents.spec import load_teams
from cli.checks import CHECKS
from core.settings import Settings
from tests.unit.project.command_line import refusal
from tests.unit.project.manifests import (
    KUBERNETES,
    OVERLAYS,
    Invalid,
    Manifest,
    containers,
    environment,
    matches,
    needs_kubectl,
    of_kind,
    pods,
    render,
    rendered,
    secrets_of,
    validate,
)
from workers.app import QUEUES
from workflows.investigate import GRACE_SECONDS

pytestmark = [needs_kubectl, pytest.mark.parametrize("overlay", OVERLAYS)]

#: The oldest release with side containers that end last, which the broker needs, and the newest that is known.
RELEASES = ("1.29", "1.37")
#: Kinds that are not Kubernetes' own; their schemas are in test_kubernetes_scaling.py.
FOREIGN = {"ScaledObject", "TriggerAuthentication"}
#: Secrets and ConfigMaps that an operator makes, as docs/deployment.md says.
MADE_BY_HAND = {
    "casemate-stores", "casemate-master-key", "casemate-api-keys", "casemate-model-key", "casemate-webhooks",
    "casemate-vendors", "casemate-connectors", "casemate-connector-secrets", "casemate-postgres", "casemate-redis",
}  # fmt: skip


def all_containers(overlay: str) -> list[tuple[str, Manifest, Manifest]]:
    """(workload, pod, container) of everything that runs."""
    return [(name, pod, container) for name, pod in pods(overlay).items() for container in containers(pod)]


def test_every_document_is_valid(overlay: str) -> None:
    # What only the oldest release could refuse is in the overlay that has everything.
    for release in RELEASES if overlay == "production" else RELEASES[-1:]:
        for document in rendered(overlay):
            if document["kind"] not in FOREIGN:
                validate(document, release)


def test_the_schemas_would_notice_a_mistake(overlay: str) -> None:
    gateway: dict[str, Any] = json.loads(json.dumps(of_kind(overlay, "Deployment")["gateway"]))
    gateway["spec"]["template"]["spec"]["containers"][0]["readinessprobe"] = {}
    with pytest.raises(Invalid):
        validate(gateway, RELEASES[-1])


def test_what_casemate_is_made_of_is_there(overlay: str) -> None:
    assert pods(overlay).keys() >= {"gateway", "intake", "work", "beat", "playbook"}
    served = of_kind(overlay, "Deployment").get("serving")
    assert (served is None) == (overlay == "confined")
    assert ("postgres" in pods(overlay)) == (overlay != "production")


def test_there_is_exactly_one_beat(overlay: str) -> None:
    beat = of_kind(overlay, "Deployment")["beat"]["spec"]
    assert (beat["replicas"], beat["strategy"]) == (1, {"type": "Recreate"})


def test_everything_lies_in_one_namespace_that_forbids_what_pods_may_not(overlay: str) -> None:
    (namespace,) = of_kind(overlay, "Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for document in rendered(overlay):
        if document["kind"] != "Namespace":
            assert document["metadata"]["namespace"] == namespace["metadata"]["name"]


def test_no_pod_is_root_or_may_become_it_or_has_a_token(overlay: str) -> None:
    for name, pod in pods(overlay).items():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["runAsUser"] >= 999, name
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["enableServiceLinks"] is False, name
        for shared in ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"):
            assert shared not in spec, name
        assert {kind for volume in spec["volumes"] for kind in volume if kind != "name"} <= {
            "emptyDir", "secret", "projected", "configMap", "persistentVolumeClaim",
        }  # fmt: skip


def test_no_container_has_a_capability_a_writable_root_or_no_limits(overlay: str) -> None:
    for name, _, container in all_containers(overlay):
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False, name
        assert context["readOnlyRootFilesystem"] is True, name
        assert context["capabilities"] == {"drop": ["ALL"]}, name
        assert {"privileged", "procMount", "runAsUser"}.isdisjoint(context), name
        for kind in ("requests", "limits"):
            assert {"cpu", "memory"} <= container["resources"][kind].keys(), name


def test_only_workers_with_namespaces_have_another_seccomp_profile(overlay: str) -> None:
    for name, pod in pods(overlay).items():
        profile = pod["spec"]["securityContext"]["seccompProfile"]
        if name in {"intake", "work"} and overlay != "confined":
            assert profile == {"type": "Localhost", "localhostProfile": "casemate-worker.json"}
        else:
            assert profile == {"type": "RuntimeDefault"}


def test_the_tier_of_the_sandbox_fits_the_seccomp_profile(overlay: str) -> None:
    for _, _, container in all_containers(overlay):
        if container["name"] == "worker":
            tier = environment(overlay, container).get("CASEMATE_SANDBOX_TIER", "namespaces")
            assert tier == ("confined" if overlay == "confined" else "namespaces")


def test_every_image_has_a_version(overlay: str) -> None:
    for name, _, container in all_containers(overlay):
        image, _, tag = container["image"].rpartition(":")
        assert image, name
        assert tag[0].isdigit(), name


def test_every_command_is_one_that_casemate_takes(overlay: str) -> None:
    for name, _, container in all_containers(overlay):
        if "casemate" in container["image"]:
            assert "command" not in container, f"{name} would go past the entrypoint and its secrets"
            assert refusal(container["args"]) is None
            if container["args"][:2] == ["worker", "--only"]:
                assert container["args"][2] in QUEUES


def test_every_container_is_watched(overlay: str) -> None:
    for name, pod, container in all_containers(overlay):
        assert "livenessProbe" in container, name
        if container in pod["spec"]["containers"]:
            assert {"startupProbe", "readinessProbe"} <= container.keys(), name


def test_probes_ask_what_there_is(overlay: str) -> None:
    paths = {}
    for name, _, container in all_containers(overlay):
        ports = {port["name"] for port in container.get("ports", [])}
        for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
            probe = container.get(kind, {})
            if "httpGet" in probe:
                assert probe["httpGet"]["port"] in ports, name
                paths[name, kind] = probe["httpGet"]["path"]
            words = probe.get("exec", {}).get("command", [])
            if words[:1] == ["casemate-entrypoint"] and words[1] != "alive":
                assert refusal(words[1:]) is None
                assert {word for word in words[2:] if word != "--only"} <= CHECKS.keys()
            assert words[:1] != ["casemate"], f"{name}: without the entrypoint the probe has no secrets"
    for name in {"gateway", "serving"} & pods(overlay).keys():
        asked = [paths[name, kind] for kind in ("startupProbe", "readinessProbe", "livenessProbe")]
        assert asked == ["/readyz", "/readyz", "/healthz"]


def test_a_worker_that_goes_finishes_its_longest_step(overlay: str) -> None:
    longest = max(team.budget.seconds for team in load_teams().by_name.values()) + GRACE_SECONDS
    assert pods(overlay)["work"]["spec"]["terminationGracePeriodSeconds"] > longest


def test_every_reference_leads_somewhere(overlay: str) -> None:
    maps, claims = of_kind(overlay, "ConfigMap"), of_kind(overlay, "PersistentVolumeClaim")
    accounts = of_kind(overlay, "ServiceAccount")
    for name, pod in pods(overlay).items():
        assert pod["spec"]["serviceAccountName"] in accounts, name
        assert secrets_of(pod).keys() <= MADE_BY_HAND, name
        templates = of_kind(overlay, "StatefulSet").get(name, {"spec": {}})["spec"].get("volumeClaimTemplates", [])
        volumes = {volume["name"] for volume in [*pod["spec"]["volumes"], *(t["metadata"] for t in templates)]}
        mounted = {mount["name"] for container in containers(pod) for mount in container["volumeMounts"]}
        assert mounted == volumes, name
        for volume in pod["spec"]["volumes"]:
            if "persistentVolumeClaim" in volume:
                assert volume["persistentVolumeClaim"]["claimName"] in claims
            if "configMap" in volume:
                assert volume["configMap"]["name"] in MADE_BY_HAND | maps.keys()
    for _, _, container in all_containers(overlay):
        for source in container.get("envFrom", []):
            assert source["configMapRef"]["name"] in maps


def test_no_secret_is_in_the_manifests(overlay: str) -> None:
    assert of_kind(overlay, "Secret") == {}
    for name, _, container in all_containers(overlay):
        assert all("valueFrom" not in one for one in container.get("env", [])), name
        for variable in environment(overlay, container):
            assert not re.search(r"(PASSWORD|TOKEN|_KEY|_KEYS)$", variable), variable


def test_secrets_go_to_those_who_need_them(overlay: str) -> None:
    holders = {name: secrets_of(pod).keys() for name, pod in pods(overlay).items()}
    assert [name for name, held in holders.items() if "casemate-api-keys" in held] == ["gateway"]
    assert {name for name, held in holders.items() if "casemate-master-key" in held} == {"gateway", "intake", "work"}
    assert holders["playbook"] == set()
    assert holders["beat"] == {"casemate-stores"}
    assert holders.get("serving", {"casemate-model-key"}) == {"casemate-model-key"}
    for _, pod, container in all_containers(overlay):
        vendors = [mount for mount in container["volumeMounts"] if mount["name"] == "vendors"]
        assert bool(vendors) == (container["name"] == "broker"), pod["spec"]["serviceAccountName"]


def test_services_and_budgets_select_pods_and_ports_that_are_there(overlay: str) -> None:
    for name, service in of_kind(overlay, "Service").items():
        chosen = [
            p for p in pods(overlay).values() if service["spec"]["selector"].items() <= p["metadata"]["labels"].items()
        ]
        assert len(chosen) == 1, name
        ports = {port["name"]: port["containerPort"] for port in chosen[0]["spec"]["containers"][0]["ports"]}
        assert [port["targetPort"] for port in service["spec"]["ports"]] == [*ports]
        assert [port["port"] for port in service["spec"]["ports"]] == [*ports.values()]
    budgets = of_kind(overlay, "PodDisruptionBudget")
    assert budgets.keys() == {name for name in of_kind(overlay, "Deployment") if name != "beat"}
    for name, budget in budgets.items():
        labels = pods(overlay)[name]["metadata"]["labels"]
        assert matches(budget["spec"]["selector"], labels)
        replicas = of_kind(overlay, "Deployment")[name]["spec"].get("replicas", 2)
        assert budget["spec"].get("minAvailable", 0) < replicas, f"{name} could never be moved"


def test_workloads_select_their_own_pods_and_spread_them(overlay: str) -> None:
    for name, workload in of_kind(overlay, "Deployment", "StatefulSet").items():
        labels = workload["spec"]["template"]["metadata"]["labels"]
        assert matches(workload["spec"]["selector"], labels), name
        others = [pod["metadata"]["labels"] for other, pod in pods(overlay).items() if other != name]
        assert not [one for one in others if matches(workload["spec"]["selector"], one)]
        if workload["spec"].get("replicas", 2) > 1:
            (spread,) = workload["spec"]["template"]["spec"]["topologySpreadConstraints"]
            assert matches(spread["labelSelector"], labels), name


def test_every_setting_exists_and_the_chain_ends_in_the_playbook(overlay: str) -> None:
    for name, _, container in all_containers(overlay):
        given = {key: value for key, value in environment(overlay, container).items() if key.startswith("CASEMATE_")}
        fields = {key.removeprefix("CASEMATE_").lower(): value for key, value in given.items()}
        assert fields.keys() <= Settings.model_fields.keys(), name
        if "model_fallbacks" in fields:
            chain = Settings(**{**fields, "model_fallbacks": json.loads(fields["model_fallbacks"])}).model_chain
            assert chain[-1].name == "playbook"
            hosts = [endpoint.url.removeprefix("http://").partition(":")[0] for endpoint in chain[:1]]
            assert set(hosts) <= of_kind(overlay, "Service").keys()


def test_a_model_is_served_from_a_folder_that_nobody_writes(overlay: str) -> None:
    if overlay == "confined":
        pytest.skip("serves the playbook alone")
    (server,) = pods(overlay)["serving"]["spec"]["containers"]
    (models,) = [mount for mount in server["volumeMounts"] if mount["name"] == "models"]
    assert models["readOnly"] is True
    assert server["args"][1].startswith(models["mountPath"] + "/")
    assert ("nvidia.com/gpu" in server["resources"]["limits"]) == (overlay != "cpu")


def test_workers_run_under_the_apparmor_profile_where_that_is_wanted(overlay: str, tmp_path: Path) -> None:
    places = [os.path.relpath(KUBERNETES / part, tmp_path) for part in (f"overlays/{overlay}", "components/apparmor")]
    written = f"kind: Kustomization\nresources: [{places[0]}]\ncomponents: [{places[1]}]\n"
    (tmp_path / "kustomization.yaml").write_text(written)
    name = "casemate-worker"
    assert re.search(rf"^profile {name} ", (KUBERNETES.parent / "apparmor" / name).read_text(), re.MULTILINE)
    for document in render(tmp_path):
        if document["kind"] == "Deployment":
            if document["metadata"]["name"] == "work":
                validate(document, RELEASES[-1])
            found = document["spec"]["template"]["spec"]["securityContext"].get("appArmorProfile")
            expected = {"type": "Localhost", "localhostProfile": name}
            assert found == (expected if document["metadata"]["name"] in {"intake", "work"} else None)
