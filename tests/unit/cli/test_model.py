"""`casemate model`, what doctor says of models, and for which models a text is masked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents import probe_texts as texts
from cli import up
from core.store.engine import Store
from tests.bundles import write_bundle
from tests.unit.agents.fit_server import FitServer, good, running, says
from tests.unit.cli.conftest import Casemate

EVERYTHING = {"max_model_len": 16_384, "casemate": {"structured_with_tools": True, "decisions": True}}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FitServer]:
    """A fit endpoint, which the settings name."""
    with running(entry=EVERYTHING) as found:
        monkeypatch.setenv("CASEMATE_MODEL_URL", found.url)
        monkeypatch.setenv("CASEMATE_MODEL_NAME", "fit")
        monkeypatch.setenv("CASEMATE_MODEL_API_KEY", "sk-of-the-settings")
        yield found


@pytest.fixture
def cloudy(server: FitServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FitServer:
    """The endpoint is a cloud's by policy."""
    folder = write_bundle(tmp_path / "policy")
    (folder / "models.yaml").write_text(
        f"endpoints: [{{name: frontier, url: {server.url}, location: cloud}}]\n"
        "cloud: {treatments: {CARD: redact}, indicators: {urls: mask}}\n"
    )
    monkeypatch.setenv("CASEMATE_POLICY_DIR", str(folder))
    return server


def test_a_test_says_for_which_teams_a_model_is_fit_and_is_kept(
    casemate: Casemate, server: FitServer, opened: Store
) -> None:
    ran = casemate("model", "probe", server.url)
    assert (ran.code, ran.err) == (0, "")
    assert "12 of 12 checks in form, 12 of these right; fit for 7 of 7 teams." in ran.out.replace("Fit for", "fit for")
    assert set(server.keys) == {"Bearer sk-of-the-settings"}
    (one,) = casemate("model", "list", "--json").document["endpoints"]
    assert (one["name"], one["location"], one["up"], one["trouble"]) == ("fit", "local", True, None)
    assert one["features"]["window"] == 16_384
    assert one["probe"]["fit"] is True
    assert one["probe"]["at"]
    with opened.read() as tx:
        (event,) = [event for event in tx.audit.all() if event["action"] == "model.probed"]
    assert event["data"]["model"] == "fit"


def test_nothing_is_kept_of_an_endpoint_that_is_not_there(casemate: Casemate, opened: Store) -> None:
    ran = casemate("model", "probe", f"http://127.0.0.1:{up.free_port()}/v1")
    assert ran.code == 1
    assert "does not answer" in ran.out
    with opened.read() as tx:
        assert tx.probes.last() == []


def test_an_unfit_model_ends_with_1_and_the_reason(casemate: Casemate, server: FitServer) -> None:
    server.model = lambda body: says(texts.BAIT) if "You read tickets" in json.dumps(body) else good(body)
    ran = casemate("model", "probe", server.url, "--json")
    assert ran.code == 1
    assert ran.document["location"] == "local"
    assert {team["by"] for team in ran.document["teams"]} == {"content"}
    assert "follows an instruction" in ran.document["teams"][0]["why"][0]
    shown = casemate("model", "probe", server.url)
    assert shown.code == 1
    assert "unfit by content" in shown.out


def test_a_key_comes_from_a_file_and_is_never_shown(casemate: Casemate, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("sk-from-a-file\n")
    with running() as server:
        ran = casemate("model", "probe", server.url, "--name", "fit", "--key-file", str(key), "--context", "16000")
    assert ran.code == 0
    assert set(server.keys) == {"Bearer sk-from-a-file"}
    assert "sk-from" not in ran.out + ran.err
    missing = casemate("model", "probe", server.url, "--key-file", str(tmp_path / "none"))
    assert (missing.code, "cannot be read" in missing.err) == (2, True)


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://localhost/v1", "https://a\\b", "http://h/" + "x" * 600])
def test_what_is_no_address_is_refused_at_once(casemate: Casemate, url: str) -> None:
    assert casemate("model", "probe", url).code == 2


def test_nothing_is_tested_while_casemate_is_halted(casemate: Casemate, server: FitServer, opened: Store) -> None:
    assert casemate("halt", "an exercise").code == 0
    ran = casemate("model", "probe", server.url)
    assert ran.code == 1
    assert "halted" in ran.err
    assert server.bodies == []


def test_the_playbook_is_no_model_to_test_and_the_report_says_so(casemate: Casemate, model: tuple[str, Path]) -> None:
    ran = casemate("model", "probe", model[0], "--json")
    assert ran.code == 1
    assert "plays the parts of the teams" in ran.document["note"]
    assert {check["outcome"] for check in ran.document["checks"][1:]} <= {"refused", "skipped"}


def test_the_list_shows_the_chain_and_refuses_to_ask_whom_policy_does_not_name(
    casemate: Casemate, server: FitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    fallbacks = [{"url": "https://me:secret@api.frontier.example/v1", "name": "f", "api_key": "sk-1"}, "playbook"]
    monkeypatch.setenv("CASEMATE_MODEL_FALLBACKS", json.dumps(fallbacks))
    listed = casemate("model", "list", "--json").document
    assert listed["masked_for"] == "local"
    first, second, third = listed["endpoints"]
    assert (first["location"], second["location"], third["location"]) == ("local", None, "local")
    assert (first["up"], second["up"], third["up"]) == (True, False, True)
    assert "add it to `endpoints` in models.yaml" in second["refusal"]
    ran = casemate("model", "list")
    assert ran.code == 0
    assert "refused" in ran.out
    assert "never tested" in ran.out
    assert "secret" not in ran.out + json.dumps(listed)
    assert "sk-" not in ran.out + json.dumps(listed)


def test_doctor_names_each_endpoint_its_location_and_what_its_test_found(
    casemate: Casemate, cloudy: FitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CASEMATE_MODEL_FALLBACKS", '["playbook"]')
    ran = casemate("doctor", "--only", "model", "--json")
    (found,) = ran.document["checks"]
    assert ran.code == 0
    assert found["detail"] == (
        f"fit at {cloudy.url} (cloud): up, window 16384, shapes beside tools, probabilities, never tested; "
        "then playbook, inside the worker"
    )
    casemate("model", "probe", cloudy.url)
    assert "fit for 7 of 7 teams, tested 20" in casemate("doctor", "--only", "model", "--json").out


@pytest.mark.parametrize(
    ("settings", "mend"),
    [
        ({"URL": "https://api.frontier.example/v1"}, "Name it in models.yaml"),
        ({"URL": f"http://127.0.0.1:{up.free_port()}/v1"}, "Start it"),
        ({"NAME": "gpt-of-dreams"}, "Set CASEMATE_MODEL_NAME"),
    ],
)
def test_doctor_says_how_to_mend_an_endpoint(
    casemate: Casemate, server: FitServer, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], mend: str
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"CASEMATE_MODEL_{name}", value)
    ran = casemate("doctor", "--only", "model", "--json")
    assert ran.code == 1
    assert mend in ran.document["checks"][0]["mend"]
    server.spoil = lambda handler, _body: handler.answer({}, 401)
    monkeypatch.setenv("CASEMATE_MODEL_URL", server.url)
    assert "CASEMATE_MODEL_API_KEY" in casemate("doctor", "--only", "model", "--json").out


TEXT = "Card 4111 1111 1111 1111 at http://harbourbank-login.example/a.php\n"


def test_a_text_is_masked_as_this_process_masks_tickets_and_says_for_which_models(
    casemate: Casemate, cloudy: FitServer
) -> None:
    document = casemate("mask", "-", "--json", stdin=TEXT.encode()).document
    assert document["masked_for"] == "cloud"
    assert "1111" not in document["masked"]
    assert "http" not in document["masked"]
    ran = casemate("mask", "-", stdin=TEXT.encode())
    assert "Masked for cloud models: an endpoint of the settings is one." in ran.out
    lines = casemate("mask", "-", "--lines", stdin=json.dumps({"text": TEXT}).encode() + b"\n")
    assert "http" not in lines.document["masked"]
    assert casemate("doctor", "--only", "masking", "--json").document["checks"][0]["detail"].endswith("cloud models")


def test_without_a_cloud_in_the_chain_a_text_is_masked_as_ever(casemate: Casemate, server: FitServer) -> None:
    document = casemate("mask", "-", "--json", stdin=TEXT.encode()).document
    assert document["masked_for"] == "local"
    assert "harbourbank-login.example" in document["masked"]
    assert "-1111" in document["masked"]
