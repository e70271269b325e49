"""`casemate ticket submit --wait --json`: a finished case on a machine where nothing of casemate runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.samples import FOLDER
from tests.servers import free_port

pytestmark = pytest.mark.journey


def submit(home: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    env = {
        **os.environ,
        "CASEMATE_HOME": str(home),
        "CASEMATE_MODEL_URL": f"http://127.0.0.1:{free_port()}/v1",
        **settings,
    }
    command = [sys.executable, "-m", "cli", "ticket", "submit", "--wait", "--json", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=240)


@pytest.mark.parametrize("framework", ["autogen", "adk"])
def test_a_reported_mail_becomes_a_finished_case(tmp_path: Path, framework: str) -> None:
    done = submit(tmp_path, str(FOLDER / "phishing-lure.eml"), "--framework", framework)
    assert done.returncode == 0, done.stderr
    case: dict[str, Any] = json.loads(done.stdout)
    assert (case["kind"], case["framework"]) == ("phishing", framework)
    assert case["state"] in {"closed", "awaiting_approval"}
    assert case["verdict"] in {"malicious", "suspicious"}
    assert list((tmp_path / "reports").rglob("*.json"))


def test_a_case_that_could_not_be_worked_says_why_and_does_not_pass_for_done(tmp_path: Path) -> None:
    stuck = submit(tmp_path, str(FOLDER / "phishing-lure.eml"), "--timeout", "12", CASEMATE_BWRAP="/nonexistent/bwrap")
    assert stuck.returncode == 1
    case = json.loads(stuck.stdout)
    assert case["state"] == "investigating"
    assert "bubblewrap" in case["trouble"]
    assert case["evidence"] == []
