"""`casemate connector`: what is there, what would be sent, and what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Casemate
from tests.unit.connectors.conftest import SECRETS
from tests.unit.connectors.target import Answer, target_server
from tests.unit.connectors.vendors import HOST, VENDORS, Falcon
from tools.connectors.loading import SHIPPED


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "connectors"
    made.mkdir()
    monkeypatch.setenv("CASEMATE_CONNECTORS_DIR", str(made))
    return made


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "secrets"
    made.mkdir()
    for name, text in SECRETS.items():
        (made / name).write_text(text)
    monkeypatch.setenv("CASEMATE_SECRETS_DIR", str(made))
    return made


def route(folder: Path, url: str) -> None:
    (folder / "routes.yaml").write_text(
        f"routes: {{isolate_host: crowdstrike}}\nconnectors: {{crowdstrike: {{values: {{url: '{url}'}}}}}}\n"
    )


def test_the_list_says_who_carries_out_what_and_what_is_missing(casemate: Casemate, folder: Path) -> None:
    route(folder, "https://api.eu-1.crowdstrike.com")
    rows: dict[str, Any] = {row["name"]: row for row in casemate("connector", "list", "--json").document["connectors"]}
    assert set(rows) == {"lab", *VENDORS}
    assert rows["crowdstrike"]["does"] == ["isolate_host"]
    assert rows["crowdstrike"]["missing_secrets"] == ["crowdstrike_client_id", "crowdstrike_client_secret"]
    assert "isolate_host" not in rows["lab"]["does"]
    assert rows["okta"]["missing_values"] == ["url"]
    assert "secret okta_token" in casemate("connector", "list").out


def test_a_sound_folder_without_secrets_fails_the_check_and_says_where_they_go(
    casemate: Casemate, folder: Path, home: Path
) -> None:
    assert casemate("connector", "check").code == 0
    route(folder, "https://api.eu-1.crowdstrike.com")
    ran = casemate("connector", "check")
    assert ran.code == 1
    assert str(home / "secrets" / "crowdstrike_client_id") in ran.out
    doctor = casemate("doctor", "--only", "connectors", "--json")
    assert (doctor.code, doctor.document["checks"][0]["ok"]) == (1, False)
    assert "crowdstrike_client_id is missing" in doctor.document["checks"][0]["detail"]


def test_a_broken_file_is_named_with_its_line(casemate: Casemate, folder: Path) -> None:
    (folder / "routes.yaml").write_text("routes:\n  isolate_host: crowdstrik\n")
    ran = casemate("connector", "check")
    assert ran.code == 1
    assert "routes.yaml:2:" in ran.err
    assert "did you mean `crowdstrike`" in ran.err
    doctor = casemate("doctor", "--only", "connectors", "--json").document["checks"][0]
    assert "routes.yaml:2:" in doctor["detail"]


def test_the_doctor_is_content_with_the_lab_and_with_what_is_set_up(
    casemate: Casemate, folder: Path, secrets: Path
) -> None:
    assert "the lab carries out everything" in casemate("doctor", "--only", "connectors").out
    route(folder, "https://api.eu-1.crowdstrike.com")
    ran = casemate("doctor", "--only", "connectors")
    assert (ran.code, "in use: crowdstrike" in ran.out) == (0, True)


def test_reaching_a_target_tells_up_from_down_and_known_from_unknown(
    casemate: Casemate, folder: Path, secrets: Path
) -> None:
    with target_server() as target:
        target.handle = Falcon()
        route(folder, target.url)
        assert casemate("connector", "check", "--reach").code == 0
        target.handle = lambda asked: Answer(status=403, body={})
        ran = casemate("connector", "check", "--reach")
        assert (ran.code, "token endpoint answers 403" in ran.out) == (1, True)
    ran = casemate("connector", "check", "--reach", "--json")
    assert (ran.code, "cannot be reached" in ran.document["troubles"][0]) == (1, True)


@pytest.mark.parametrize("name", sorted(VENDORS))
def test_a_dry_run_shows_every_request_and_no_secret_and_sends_nothing(
    casemate: Casemate, folder: Path, secrets: Path, name: str
) -> None:
    with target_server() as target:
        values = {key: text.format(url=target.url) for key, text in VENDORS[name][1].items()}
        (folder / "routes.yaml").write_text(f"connectors: {{{name}: {{values: {values}}}}}\n")
        ran = casemate("connector", "test", name, "--json")
        shown = casemate("connector", "test", name)
        assert target.asked == []
    assert (ran.code, shown.code) == (0, 0)
    steps = [request["step"] for tool in ran.document["tools"] for request in tool["requests"]]
    assert steps.count("send") == (SHIPPED / f"{name}.yaml").read_text().count("\n    send:")
    assert not [secret for secret in SECRETS.values() if secret in ran.out + shown.out]


def test_a_dry_run_takes_the_arguments_that_are_given(casemate: Casemate, folder: Path) -> None:
    args = '{"indicator": "hxxps://evil[.]example/a"}'
    ran = casemate("connector", "test", "microsoft-defender", "--tool", "block_indicator", "--args", args, "--json")
    [tool] = ran.document["tools"]
    assert tool["requests"][0]["body"]["indicatorType"] == "Url"
    assert tool["requests"][0]["body"]["indicatorValue"] == "https://evil.example/a"
    refused = casemate("connector", "test", "crowdstrike", "--tool", "block_indicator", "--args", args)
    assert (refused.code, "no url" in refused.err) == (1, True)


def test_a_live_probe_looks_and_does_not_act(casemate: Casemate, folder: Path, secrets: Path) -> None:
    with target_server() as target:
        target.handle = Falcon()
        route(folder, target.url)
        ran = casemate(
            "connector", "test", "crowdstrike", "--tool", "isolate_host", "--args", f'{{"host": "{HOST}"}}',
            "--live-probe", "--json",
        )  # fmt: skip
        assert ran.document["tools"][0]["probe"] == {"state": "no", "status": 200}
        assert [asked.method for asked in target.asked if "token" not in asked.path] == ["GET", "GET"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["nowhere"], 1, "There is no connector 'nowhere'"),
        (["okta", "--tool", "isolate_host"], 1, "cannot carry out 'isolate_host'"),
        (["okta", "--live-probe"], 2, "--tool and --args"),
        (["okta", "--tool", "disable_account", "--args", "[1]"], 2, "a JSON object"),
        (["okta", "--tool", "disable_account", "--args", '{"account": "a"}', "--live-probe"], 1, "okta needs url"),
        (["okta", "--tool", "disable_account", "--args", '{"account": 7}'], 1, "`account`"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(
    casemate: Casemate, folder: Path, arguments: list[str], code: int, says: str
) -> None:
    ran = casemate("connector", "test", *arguments)
    assert (ran.code, says in ran.err) == (code, True), ran
