"""Every endpoint of the gateway has a rule that says who may ask, and the rule holds when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts

from core.identity import Role
from gateway.console.visit import Visit
from gateway.identity import Open, Permit
from tests.console.access_table import Access, access
from tests.console.site import PEOPLE, Site
from workflows import people

#: Answered by the framework itself, without dependencies: the description of the API.
BARE = {"/api/v1/openapi.json"}
#: The people who are asked for: one of each role, somebody whom only rules know, and nobody.
ASKING = ["ana", "abe", "ada", "aud", "sue"]


def guards(found: Dependant) -> Iterator[Visit | Permit | Open]:
    """What an endpoint depends on that asks who calls, however deep."""
    for inner in found.dependencies:
        if isinstance(inner.call, Visit | Permit | Open):
            yield inner.call
        yield from guards(inner)


def rules(route: RouteContext) -> set[Access]:
    """What the code says of one route; nothing where it says nothing."""
    found = getattr(route, "dependant", None)
    if route.path in BARE:
        return {Access("open", frozenset({"anybody"}), method, route.path) for method in route.methods or ()}
    asked = list(guards(found)) if isinstance(found, Dependant) else []
    made = set()
    for guard in asked:
        match guard:
            case Open():
                door, roles = "open", frozenset({"anybody"})
            case Permit():
                door, roles = "key", frozenset(guard.roles)
            case Visit():
                door, roles = "page", frozenset(guard.roles or {"signed-in"})
        made |= {Access(door, roles, method, str(route.path)) for method in route.methods or ()}
    return made


def routes(app: FastAPI) -> list[RouteContext]:
    return list(iter_route_contexts(app.routes))


def test_every_endpoint_says_whom_it_is_for(site: Site) -> None:
    silent = [str(getattr(route, "path", route)) for route in routes(site.app) if len(rules(route)) < 1]
    assert silent == []


def test_the_table_and_the_code_say_the_same(site: Site) -> None:
    found = {rule for route in routes(site.app) for rule in rules(route)}
    assert {f"{rule.method} {rule.path}" for rule in found} == {f"{rule.method} {rule.path}" for rule in access()}
    assert found == set(access())
    assert len(found) == len(access())


def test_an_endpoint_without_a_rule_is_found() -> None:
    app = FastAPI(openapi_url=None)

    @app.get("/forgotten")
    def forgotten() -> None: ...

    @app.websocket("/socket")
    def socket() -> None: ...

    app.mount("/mounted", FastAPI(openapi_url=None))
    assert [rules(route) for route in routes(app) if "/forgotten" in str(route.path)] == [set()]
    assert all(not rules(route) for route in routes(app))


def filled(path: str) -> str:
    """A path of something that is not there: whoever may look is told so, whoever may not is not."""
    for name in ("ticket_id", "proposal_id", "view_id", "evidence_id", "bundle_hash", "change_id", "job_id"):
        path = path.replace(f"{{{name}}}", "nothing")
    for name in ("decision_id", "name", "which", "secret"):
        path = path.replace(f"{{{name}}}", "nothing")
    return path.replace("{number}", "1")


def status(client: httpx2.Client, rule: Access) -> str:
    """How a request was met: `in`, `forbidden`, `sign in`, or that no key was known."""
    with client.stream(rule.method, filled(rule.path)) as answer:
        if answer.status_code in {303, 401} and "/sign-in" in answer.headers.get("location", ""):
            return "sign in"
        return {401: "no key", 403: "forbidden"}.get(answer.status_code, "in")


@pytest.mark.parametrize("name", ASKING)
def test_pages_open_for_those_whose_they_are(site: Site, name: str) -> None:
    wrong = {}
    with site.client(name) as client:
        for rule in (rule for rule in access() if rule.door == "page" and rule.method == "GET"):
            wanted = "in" if rule.lets_in(frozenset(PEOPLE[name])) else "forbidden"
            met = status(client, rule)
            if met != wanted:
                wrong[rule.path] = met
    assert wrong == {}


@pytest.mark.parametrize("name", ASKING)
def test_nobody_changes_what_is_not_theirs(site: Site, name: str) -> None:
    """Only those who may not are tried: what the others would change, the tests of each page look at."""
    tried = [
        rule
        for rule in access()
        if rule.door == "page" and rule.method == "POST" and not rule.lets_in(frozenset(PEOPLE[name]))
    ]
    with site.client(name) as client:
        assert {rule.path: status(client, rule) for rule in tried} == {rule.path: "forbidden" for rule in tried}
    assert bool(tried) == (name != "ada")


def test_strangers_are_asked_to_sign_in_everywhere(site: Site) -> None:
    with site.client(None) as client:
        met = {(rule.method, rule.path): status(client, rule) for rule in access() if rule.door == "page"}
    # Open pages that wait for news are told by the status alone.
    assert met.pop(("GET", "/live")) == "no key"
    assert set(met.values()) == {"sign in"}


def test_keys_open_what_their_roles_may_and_sessions_open_none_of_it(site: Site) -> None:
    keyed = [rule for rule in access() if rule.door == "key"]
    with site.client("ada") as person:
        assert {status(person, rule) for rule in keyed} == {"no key"}
    wrong = {}
    for role in Role:
        _, secret = people.add_key(site.store, f"bot-{role}", [role], actor="test", reserved=())
        with httpx2.Client(
            base_url=site.url, headers={"Authorization": f"Bearer {secret}"}, trust_env=False, timeout=30
        ) as machine:
            for rule in keyed:
                may = rule.lets_in(frozenset({role}))
                if may and rule.method != "GET":
                    continue
                met = status(machine, rule)
                if met != ("in" if may else "forbidden"):
                    wrong[role, rule.path] = met
            assert status(machine, Access("page", frozenset(), "GET", "/queue")) == "sign in"
    assert wrong == {}
