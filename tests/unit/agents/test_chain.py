"""The endpoints of a process: the first that may and can, a rest for the fallen, and no way round a stop."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from agents.chain import REST_SECONDS, Chain, Link, open_chain
from agents.features import Features
from agents.model import ModelClients
from core.errors import CasemateError, EgressBlocked, Halted, ModelUnavailable
from core.settings import ModelEndpoint, Settings


class Process:
    """A chain whose endpoints fail when told to, and who was tried."""

    def __init__(self, *names: str) -> None:
        self.now = 0.0
        self.tried: list[str] = []
        self.failing: dict[str, CasemateError] = {}
        self.chain = Chain([link(name) for name in names], ticks=lambda: self.now)

    def attempt(self, clients: ModelClients) -> str:
        self.tried.append(clients.name)
        if clients.name in self.failing:
            raise self.failing[clients.name]
        return f"by {clients.name}"

    def work(self, *, refused: Collection[str] = ()) -> tuple[str, str, tuple[str, ...]]:
        """Who did it, in what order they were tried, and why others did not."""
        self.tried.clear()
        answered = self.chain.run(
            self.attempt, refusal=lambda one: f"{one.name} is in a cloud." if one.name in refused else None
        )
        assert answered.result == f"by {answered.endpoint.name}"
        return answered.endpoint.name, ",".join(self.tried), answered.passed


def link(name: str) -> Link:
    url = f"http://{name}.test/v1"
    return Link(endpoint=ModelEndpoint(url=url, name=name), clients=ModelClients(url=url, name=name))


def test_the_first_endpoint_answers() -> None:
    assert Process("big", "small").work() == ("big", "big", ())


def test_the_next_one_begins_again_and_the_fallen_rests_for_half_a_minute() -> None:
    process = Process("big", "small", "playbook")
    process.failing["big"] = ModelUnavailable("The endpoint is down.")
    assert process.work() == ("small", "big,small", ("The model big was down.",))
    process.failing.clear()
    process.now += REST_SECONDS - 1
    assert process.work() == ("small", "small", ("The model big was down a moment ago.",))
    process.now += 1
    assert process.work() == ("big", "big", ())


def test_what_was_known_of_a_fallen_endpoint_is_forgotten() -> None:
    process = Process("big", "small")
    for one in process.chain.links:
        one.clients.discovery.known = Features(window=4096)
    process.failing["big"] = ModelUnavailable("The endpoint is down.")
    process.work()
    known = [one.clients.discovery.known for one in process.chain.links]
    assert known == [None, Features(window=4096)]


def test_the_last_endpoint_is_asked_every_time() -> None:
    process = Process("only")
    process.failing["only"] = ModelUnavailable("The endpoint is down; start it.")
    for _ in range(2):
        with pytest.raises(ModelUnavailable, match="start it"):
            process.work()
    process.failing.clear()
    assert process.work() == ("only", "only", ())


@pytest.mark.parametrize("stop", [Halted("The switch is on."), EgressBlocked("An original stood in a request.")])
def test_a_stop_never_leads_on_to_another_endpoint(stop: CasemateError) -> None:
    process = Process("big", "small")
    process.failing["big"] = stop
    with pytest.raises(type(stop)):
        process.work()
    assert process.tried == ["big"]
    process.failing.clear()
    assert process.work() == ("big", "big", ())


def test_an_endpoint_that_may_not_be_used_is_passed_over_and_says_why() -> None:
    process = Process("cloud", "small")
    assert process.work(refused=["cloud"]) == ("small", "small", ("cloud is in a cloud.",))


def test_where_none_may_be_used_the_ticket_waits_and_says_why() -> None:
    process = Process("cloud", "other")
    with pytest.raises(ModelUnavailable, match=r"^cloud is in a cloud\. other is in a cloud\.$"):
        process.work(refused=["cloud", "other"])
    assert process.tried == []


def test_the_settings_become_a_chain() -> None:
    fallback = ModelEndpoint.model_validate({"url": "https://models.test/v1", "name": "small", "api_key": "k"})
    chain = open_chain(
        Settings(
            model_url="http://gpu.test/v1", model_name="big", model_timeout=7, model_fallbacks=[fallback, "playbook"]
        )
    )
    clients = [one.clients for one in chain.links]
    assert [(one.name, one.api_key, one.timeout) for one in clients] == [
        ("big", "unused", 7),
        ("small", "k", 7),
        ("playbook", "unused", 7),
    ]
    assert [one.transport is None for one in clients] == [True, True, False]
