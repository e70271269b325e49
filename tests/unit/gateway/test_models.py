"""`/api/v1/models`: the chain without keys, what workers know of it, and its last tests."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from agents.chain import open_chain
from agents.features import Features
from core.audit import AuditEvent
from core.settings import Settings
from tests.bundles import put_live, write_bundle
from tests.unit.gateway.conftest import Gateway
from workflows.endpoints import known_by

URL = "/api/v1/models"
FEATURES = Features(window=32_768, casemate=True, structured_with_tools=True, decisions=True)
CHAIN = Settings(
    model_url="http://me:secret@serving:8622/v1/",
    model_name="qwen",
    model_api_key="sk-1",
    model_fallbacks=[{"url": "https://api.frontier.example/v1?key=secret", "name": "f", "api_key": "sk-2"}, "playbook"],
)


@pytest.fixture
def chained(gateway: Gateway) -> Gateway:
    gateway.chain = CHAIN.model_chain
    return gateway


def beat(gateway: Gateway, process: str, *, up: bool | None, features: Features | None = None) -> None:
    told = {
        "name": "qwen",
        "url": "http://serving:8622/v1",
        "up": up,
        "features": asdict(features) if features else None,
    }
    with gateway.store.begin() as tx:
        tx.operations.beat(process, "worker", {"models": [told]})


def test_only_auditors_and_admins_may_look(chained: Gateway) -> None:
    codes = {who: chained.as_caller(who).get(URL).status_code for who in ("aud", "ada", "nobody", None)}
    assert codes == {"aud": 200, "ada": 200, "nobody": 403, None: 401}


def test_the_chain_is_shown_without_keys_and_logins(chained: Gateway) -> None:
    answer = chained.as_caller("aud").get(URL)
    said = answer.json()
    assert said["masked_for"] == "local"
    assert [(one["name"], one["url"], one["location"]) for one in said["endpoints"]] == [
        ("qwen", "http://serving:8622/v1", "local"),
        ("f", "https://api.frontier.example/v1", None),
        ("playbook", "playbook:", "local"),
    ]
    assert "models.yaml" in said["endpoints"][1]["refusal"]
    assert all(one["up"] is None and one["probe"] is None for one in said["endpoints"])
    assert "secret" not in answer.text
    assert "sk-" not in answer.text


def test_what_policy_says_follows_the_live_bundle(chained: Gateway) -> None:
    folder = write_bundle(chained.path / "cloudy")
    (folder / "models.yaml").write_text(
        "endpoints: [{name: frontier, url: https://api.frontier.example, location: cloud}]\n"
    )
    chained.live.look()
    put_live(chained.store, folder)
    chained.live.look()
    said = chained.as_caller("aud").get(URL).json()
    assert said["masked_for"] == "cloud"
    assert (said["endpoints"][1]["location"], said["endpoints"][1]["refusal"]) == ("cloud", None)


def test_workers_say_whether_an_endpoint_is_up_and_what_it_offers(chained: Gateway) -> None:
    def first() -> dict[str, object]:
        return dict(chained.as_caller("aud").get(URL).json()["endpoints"][0])

    beat(chained, "w1", up=None)
    assert first()["up"] is None
    beat(chained, "w1", up=True, features=FEATURES)
    assert (first()["up"], first()["features"]) == (True, asdict(FEATURES))
    beat(chained, "w2", up=False)
    assert first()["up"] is False


async def test_a_worker_tells_what_it_knows_of_its_chain() -> None:
    chain = open_chain(CHAIN)
    told = known_by(chain)
    assert [one["up"] for one in told] == [None, None, None]
    assert told[0]["url"] == "http://serving:8622/v1"
    chain.links[0].clients.discovery.known = FEATURES
    assert known_by(chain)[0]["up"] is True
    chain.links[0].clients.discovery.known = None
    chain._rests_until[0] = float("inf")
    assert known_by(chain)[0]["up"] is False
    assert "secret" not in json.dumps(told)


def test_the_last_test_of_an_endpoint_is_shown(chained: Gateway) -> None:
    for number, fit in enumerate((False, True)):
        report = {"url": "http://serving:8622/v1", "model": "qwen", "fit": fit, "summary": str(number), "teams": []}
        with chained.store.begin() as tx:
            tx.probes.keep(report, AuditEvent(action="model.probed", actor="test"))
    first, second, _ = chained.as_caller("aud").get(URL).json()["endpoints"]
    assert (first["probe"]["summary"], first["probe"]["fit"]) == ("1", True)
    assert first["probe"]["at"].startswith(chained.clock.now().date().isoformat())
    assert second["probe"] is None


def test_the_description_names_it(chained: Gateway) -> None:
    assert URL in chained.as_caller("aud").get("/api/v1/openapi.json").json()["paths"]
