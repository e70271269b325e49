"""The images as far as they can be looked at without building them: bases, pins, users, what is copied and started."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.unit.project.command_line import refusal
from tests.unit.project.dockerfile import ROOT, Stage, left_out, stages

SMALL = stages(ROOT / "deploy/Dockerfile")
SERVING = stages(ROOT / "deploy/Dockerfile.serving")
IMAGES = pytest.mark.parametrize("image", [SMALL, SERVING], ids=["small", "serving"])
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
#: What the small image must not hold; any of them is gigabytes, or brings gigabytes.
HEAVY = {"torch", "triton", "transformers", "xgrammar", "peft", "bitsandbytes", "accelerate"}


@IMAGES
def test_every_base_is_a_public_image_with_a_version(image: list[Stage]) -> None:
    for stage in image:
        assert re.fullmatch(r"[a-z]+(/[a-z]+)?:[0-9][\w.-]+(@sha256:[0-9a-f]{64})?", stage.base), stage.base


@IMAGES
def test_processes_are_the_user_that_the_manifests_name(image: list[Stage]) -> None:
    assert image[-1].last("USER") == "10001:10001"
    assert any("useradd --uid 10001" in run for run in image[-1].all("RUN"))


@IMAGES
def test_everything_that_is_copied_is_there_and_not_ignored(image: list[Stage]) -> None:
    for stage in image:
        for sources, _ in stage.copied():
            for source in sources:
                assert (ROOT / source).exists(), source
                assert source == "." or not left_out(source), source


def test_no_secret_no_model_and_no_state_gets_into_an_image() -> None:
    for path in ("deploy/secrets/master_key", ".casemate/master.key", "models/qwen/model.safetensors", ".git/config",
                 "core/__pycache__/ids.cpython-313.pyc", "tests/conftest.py", ".venv/bin/python"):  # fmt: skip
        assert left_out(path), path
    for path in ("core/ids.py", "deploy/entrypoint.sh", "serving/metrics.py"):
        assert not left_out(path), path


@IMAGES
def test_the_entrypoint_is_in_the_image_and_the_command_is_one(image: list[Stage]) -> None:
    final = image[-1]
    assert final.words("ENTRYPOINT") == ["tini", "--", "casemate-entrypoint"]
    copied = {target: sources for sources, target in final.copied()}
    assert copied["/usr/local/bin/casemate-entrypoint"] == ["deploy/entrypoint.sh"]
    assert any(re.search(r"install .*\btini\b", run) for run in final.all("RUN"))
    assert refusal(final.words("CMD")) is None


def test_the_small_image_has_what_the_sandbox_and_the_probes_need() -> None:
    installed = " ".join(SMALL[-1].all("RUN"))
    assert "bubblewrap" in installed
    assert "libseccomp2" in installed
    assert (["deploy/alive.py"], "/usr/local/lib/casemate/alive.py") in SMALL[-1].copied()


def wanted_by(stage: Stage) -> list[Requirement]:
    """What the image installs: the stage's own line of Python, run on this checkout."""
    (code,) = [code for run in stage.all("RUN") for code in re.findall(r"python -c '([^']+)'", run)]
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return [Requirement(line) for line in said.stdout.splitlines()]


def closure(wanted: list[Requirement]) -> set[str]:
    """Names of everything these bring, as far as it is installed here."""
    names: set[str] = set()
    todo = list(wanted)
    while todo:
        requirement = todo.pop()
        key = f"{canonicalize_name(requirement.name)}{sorted(requirement.extras)}"
        if key in names:
            continue
        names.add(key)
        try:
            brought = metadata.requires(requirement.name) or []
        except metadata.PackageNotFoundError:
            continue
        for text in brought:
            one = Requirement(text)
            extras = requirement.extras or {""}
            if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in extras):
                todo.append(one)
    return {name.partition("[")[0] for name in names}


def test_the_small_image_holds_no_torch_and_nothing_that_brings_it() -> None:
    installed = closure(wanted_by(SMALL[0]))
    assert "celery" in installed
    assert installed & HEAVY == set()
    assert not {name for name in installed if name.startswith("nvidia")}


def test_the_serving_image_installs_the_extra_of_model_servers() -> None:
    names = {requirement.name for requirement in wanted_by(SERVING[0])}
    assert {"torch", "transformers", "xgrammar", "fastapi", "typer"} <= names


@IMAGES
def test_everything_is_installed_in_pinned_versions(image: list[Stage]) -> None:
    installs = [part for run in image[0].all("RUN") for part in run.split("&&") if "pip install" in part]
    assert installs
    for install in installs:
        assert "-c constraints.txt" in install or "-c pins.txt" in install or "--no-deps" in install, install


@pytest.mark.parametrize(("build", "triton"), [("cu130", False), ("cpu", True)])
def test_torch_is_pinned_to_its_build_and_the_cuda_build_brings_its_own_triton(
    build: str, triton: bool, tmp_path: Path
) -> None:
    """The part of the RUN line that makes the pins, run in a shell."""
    (run,) = [run for run in SERVING[0].all("RUN") if "pins.txt" in run]
    script = run[: run.index("> pins.txt") + len("> pins.txt")]
    (tmp_path / "constraints.txt").write_text((ROOT / "constraints.txt").read_text())
    subprocess.run(["sh", "-euc", script], cwd=tmp_path, env={**os.environ, "TORCH": build}, check=True)
    before = (ROOT / "constraints.txt").read_text().splitlines()
    after = (tmp_path / "pins.txt").read_text().splitlines()
    version = next(line for line in before if line.startswith("torch=="))
    assert f"{version}+{build}" in after
    assert any(line.startswith("triton==") for line in after) is triton
    changed = [line for line in before if not line.startswith(("torch==", "triton=="))]
    assert [line for line in after if not line.startswith(("torch==", "triton=="))] == changed
    assert "/whl/$TORCH" in run


def test_a_served_model_is_never_downloaded() -> None:
    final = SERVING[-1]
    assert final.environment()["HF_HUB_OFFLINE"] == "1"
    assert final.last("VOLUME") == "/models"
    assert final.words("CMD")[1].startswith("/models/")
    assert not [run for stage in SERVING for run in stage.all("RUN") if re.search(r"curl|wget|huggingface|hf ", run)]


def test_whatever_is_compiled_at_run_time_lies_where_a_read_only_root_can_be_written() -> None:
    places = {name: value for name, value in SERVING[-1].environment().items() if name.endswith(("_DIR", "HF_HOME"))}
    assert places
    assert all(place.startswith("/tmp/") for place in places.values())


def test_the_manifests_name_this_release() -> None:
    files = [*(ROOT / "deploy/kubernetes").rglob("kustomization.yaml")]
    tags = [tag for file in files for tag in re.findall(r"newTag: (\S+)\}", file.read_text())]
    assert tags
    assert set(tags) == {PROJECT["version"]}
