"""The Kubernetes manifests as a cluster would get them: rendered with `kubectl kustomize`, with questions to ask."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
from ruamel.yaml import YAML

KUBERNETES = Path(__file__).parents[3] / "deploy/kubernetes"
OVERLAYS = sorted(folder.name for folder in (KUBERNETES / "overlays").iterdir())
#: Kinds whose pods are written as a template.
WORKLOADS = ("Deployment", "StatefulSet")
Manifest = dict[str, Any]

needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl renders the kustomizations")


@cache
def rendered(overlay: str) -> tuple[Manifest, ...]:
    """Every document of an overlay."""
    return render(KUBERNETES / "overlays" / overlay)


def render(folder: Path) -> tuple[Manifest, ...]:
    """Every document that a folder with a kustomization comes to."""
    command = ["kubectl", "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr  # a warning of something deprecated
    return tuple(YAML(typ="safe").load_all(io.StringIO(done.stdout)))


#: What Kubernetes' own schemas find wrong.
Invalid = kubernetes_validate.ValidationError


def validate(document: Manifest, release: str) -> None:
    """Hold a document against the schemas of a Kubernetes release, which know no other fields.

    Raises:
        Invalid: it does not fit.
    """
    kubernetes_validate.validate(document, release, strict=True)


def of_kind(overlay: str, *kinds: str) -> dict[str, Manifest]:
    """Documents of some kinds by name."""
    return {one["metadata"]["name"]: one for one in rendered(overlay) if one["kind"] in kinds}


def pods(overlay: str) -> dict[str, Manifest]:
    """Pod templates by the name of their workload."""
    return {name: one["spec"]["template"] for name, one in of_kind(overlay, *WORKLOADS).items()}


def containers(pod: Manifest) -> Iterator[Manifest]:
    """Every container, also those that start first or run beside."""
    yield from pod["spec"].get("initContainers", [])
    yield from pod["spec"]["containers"]


def matches(selector: Manifest, labels: dict[str, str]) -> bool:
    """Whether a label selector picks something with these labels; an empty one picks everything."""
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for term in selector.get("matchExpressions", []):
        assert term["operator"] == "In"
        if labels.get(term["key"]) not in term["values"]:
            return False
    return True


def environment(overlay: str, container: Manifest) -> dict[str, str]:
    """The variables of a container, but for its secrets."""
    maps = of_kind(overlay, "ConfigMap")
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        found |= maps[source["configMapRef"]["name"]]["data"]
    return found | {one["name"]: one["value"] for one in container.get("env", [])}


def secrets_of(pod: Manifest) -> dict[str, bool]:
    """Names of the secrets a pod mounts, and whether it starts without."""
    found: dict[str, bool] = {}
    for volume in pod["spec"].get("volumes", []):
        if "secret" in volume:
            found[volume["secret"]["secretName"]] = volume["secret"].get("optional", False)
        for source in volume.get("projected", {}).get("sources", []):
            found[source["secret"]["name"]] = source["secret"].get("optional", False)
    return found
