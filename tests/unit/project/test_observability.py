"""Alerts and dashboard speak of metrics and labels that there are, and are the ones that Kubernetes hands on."""

from __future__ import annotations

import json
import re

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from core.clock import FixedClock
from core.store.engine import Store
from core.vault import Keyring
from gateway.app import create_app
from policies.bundle import default_bundle_path, load_bundle
from policies.masking.opening import open_masker
from serving.engine import EngineStats
from serving.metrics import ServingMetrics
from tests.bundles import live_of
from tests.unit.project.command_line import mentioned, unknown
from tests.unit.project.manifests import KUBERNETES, needs_kubectl, of_kind
from tools.registry import default_registry

MONITORING = KUBERNETES / "components/monitoring"
GROUPS = YAML(typ="safe").load((MONITORING / "alerts.yaml").read_text())["groups"]
ALERTS = [rule for group in GROUPS for rule in group["rules"]]
DASHBOARD = json.loads((MONITORING / "dashboard.json").read_text())
EXPRESSIONS = [rule["expr"] for rule in ALERTS] + [
    target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]
]


def samples(text: str) -> dict[str, list[dict[str, str]]]:
    """Names of the samples in a scrape, each with the labels it comes with."""
    found: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, str]]]:
    """What a gateway with a live bundle and a model server that is ready tell."""
    folder, clock = tmp_path_factory.mktemp("gateway"), FixedClock()
    keys = Keyring.from_file(folder / "master.key", create=True)
    store = Store.open(f"sqlite:///{folder / 'casemate.db'}", clock=clock, keyring=keys)
    store.migrate()
    bundle = load_bundle(default_bundle_path())
    live = live_of(store, folder)
    live.look()
    app = create_app(
        store=store,
        clock=clock,
        ring=lambda _ticket: None,
        api_keys={},
        masker=lambda *_: open_masker(bundle),
        live=live,
        registry=default_registry(),
        chain=(),
    )
    serving = ServingMetrics()
    stats = dict.fromkeys(EngineStats.__dataclass_fields__, 1)
    serving.follow(lambda: (0, 0, EngineStats(**stats)))
    told = samples(TestClient(app).get("/metrics").text)
    store.close()
    return told | samples(serving.render().decode())


def test_every_metric_is_one_that_is_told(scraped: dict[str, list[dict[str, str]]]) -> None:
    asked = {name for expression in EXPRESSIONS for name in re.findall(r"casemate_\w+", expression)}
    assert len(asked) > 15
    assert asked - scraped.keys() == set()


def test_every_label_has_the_values_that_are_asked_for(scraped: dict[str, list[dict[str, str]]]) -> None:
    """A misspelt state or outcome would be an alert that never comes."""
    asked = [
        (name, label, value)
        for expression in EXPRESSIONS
        for name, selector in re.findall(r"(casemate_\w+)\{([^}]*)\}", expression)
        for label, values in re.findall(r'(\w+)=~?"([^"]*)"', selector)
        for value in values.split("|")
    ]
    assert asked
    for name, label, value in asked:
        assert value in {labels.get(label) for labels in scraped[name]}, (name, label, value)


def test_what_is_grouped_by_is_a_label(scraped: dict[str, list[dict[str, str]]]) -> None:
    known = {label for told in scraped.values() for labels in told for label in labels}
    for expression in EXPRESSIONS:
        for labels in re.findall(r"by \(([^)]*)\)", expression):
            assert set(labels.split(", ")) <= known | {"instance"}, expression


def test_every_alert_says_how_bad_it_is_what_it_means_and_what_to_do() -> None:
    assert len({rule["alert"] for rule in ALERTS}) == len(ALERTS)
    for rule in ALERTS:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"].keys() == {"summary", "action"}


def test_the_commands_that_alerts_name_exist() -> None:
    named = [words for rule in ALERTS for words in mentioned(rule["annotations"]["action"])]
    assert len(named) > 4
    assert [why for words in named if (why := unknown(words))] == []


def test_panels_have_places_of_their_own_and_the_data_source_that_is_chosen() -> None:
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]]
    assert len(set(places)) == len(places)
    assert {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]} == {"${datasource}"}
    assert [variable["name"] for variable in DASHBOARD["templating"]["list"]] == ["datasource"]


@needs_kubectl
def test_kubernetes_hands_both_files_on_as_they_are() -> None:
    maps = of_kind("production", "ConfigMap")
    assert maps["casemate-alerts"]["data"]["alerts.yaml"] == (MONITORING / "alerts.yaml").read_text()
    assert json.loads(maps["casemate-dashboard"]["data"]["dashboard.json"]) == DASHBOARD
