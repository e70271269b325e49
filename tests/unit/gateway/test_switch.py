"""The kill switch over the API."""

from __future__ import annotations

import pytest

from tests.unit.gateway.conftest import Gateway


def test_an_admin_halts_and_resumes_and_the_trail_says_who(gateway: Gateway) -> None:
    admin = gateway.as_caller("ada")
    assert admin.post("/api/v1/halt", json={"reason": "a drill"}).json() == {"halted": True, "reason": "a drill"}
    with gateway.store.read() as tx:
        assert tx.operations.halted() == "a drill"
        halt = tx.operations.halt_in_force()
    assert halt is not None
    assert halt.actor == "user:ada"
    assert admin.post("/api/v1/resume").json() == {"halted": False, "reason": ""}
    assert admin.post("/api/v1/resume").status_code == 200
    with gateway.store.read() as tx:
        assert tx.operations.halted() is None
        assert tx.operations.halt_in_force() is None
        actions = [event.action for event in tx.upkeep.trail(action="operations.")]
    assert actions == ["operations.resumed", "operations.halted"]


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "x" * 501}, {"reason": "x", "more": 1}, {"reason": 1}])
def test_a_halt_without_a_sound_reason_is_refused(gateway: Gateway, body: dict[str, object]) -> None:
    assert gateway.as_caller("ada").post("/api/v1/halt", json=body).status_code == 422
    with gateway.store.read() as tx:
        assert tx.operations.halted() is None


@pytest.mark.parametrize("caller", ["abe", "aud", "siem", "nobody"])
@pytest.mark.parametrize("path", ["/api/v1/halt", "/api/v1/resume"])
def test_nobody_but_an_admin_turns_it(gateway: Gateway, caller: str, path: str) -> None:
    assert gateway.as_caller(caller).post(path, json={"reason": "x"}).status_code == 403
