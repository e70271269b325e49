"""Who must answer with an assessment is held to its schema where the endpoint can; nobody else's request changes."""

from __future__ import annotations

import pytest

from agents.build import build_team
from agents.shape import ASSESSMENT
from agents.spec import TeamSpec
from agents.transport import DEADLINE_GRACE
from core.assessment import Assessment, Verdict
from core.canonical import JsonObject
from tests.unit.agents.endpoint import OURS, Endpoint
from tests.unit.agents.recorded import FRAMEWORKS, clients_of, let_out, role_of, spec
from tests.unit.agents.test_conformance import malicious

pytestmark = pytest.mark.parametrize("framework", FRAMEWORKS)


async def run(framework: str, endpoint: Endpoint, team: TeamSpec | None = None) -> list[JsonObject]:
    """The requests of one run."""
    box = malicious()
    with let_out():
        result = await build_team(team or spec(), framework, clients_of(endpoint.app)).run(box.brief(), box)
    assert result.assessment.verdict is Verdict.SUSPICIOUS
    return endpoint.chats


async def test_roles_that_assess_are_held_to_the_schema(framework: str) -> None:
    chats = await run(framework, Endpoint(entry={"casemate": {"structured_with_tools": True}}))
    assert {role_of(chat): chat.get("response_format") for chat in chats} == {
        "investigator": ASSESSMENT,
        "reviewer": ASSESSMENT,
        "responder": None,
    }
    assert ASSESSMENT["json_schema"]["schema"] == Assessment.model_json_schema()
    assert all(chat["tools"] for chat in chats), "the schema stands beside the tools, not in their place"


async def test_nothing_but_the_schema_is_added(framework: str) -> None:
    shaped = await run(framework, Endpoint(entry={"casemate": {"structured_with_tools": True}}))
    plain = await run(framework, Endpoint())
    stripped = [{name: value for name, value in chat.items() if name != "response_format"} for chat in shaped]
    assert stripped == [{name: value for name, value in chat.items() if name != "response_format"} for chat in plain]


@pytest.mark.parametrize(
    "entry",
    [
        None,
        {"max_model_len": 131072},
        {"casemate": {"decisions": False}},
        {"casemate": {"structured_with_tools": False}},
    ],
    ids=["unlisted", "vllm", "ours without", "off"],
)
async def test_an_endpoint_that_does_not_say_it_can_is_asked_as_before(
    framework: str, entry: JsonObject | None
) -> None:
    endpoint = Endpoint(entry=entry)
    chats = await run(framework, endpoint)
    assert all(chat.get("response_format") is None for chat in chats)
    silent = Endpoint()
    await run(framework, silent)
    assert endpoint.raw == silent.raw, "byte for byte"


async def test_who_may_write_code_is_left_free_to(framework: str) -> None:
    team = spec("endpoint")
    roles = [
        role.model_copy(update={"code_blocks": True, "tools": [*role.tools, "run_python"]})
        if role.name == "investigator"
        else role
        for role in team.roles
    ]
    chats = await run(framework, Endpoint(entry=OURS | {"casemate": {"structured_with_tools": True}}),
                      team.model_copy(update={"roles": roles}))  # fmt: skip
    assert {role_of(chat) for chat in chats if chat.get("response_format")} == {"reviewer"}


async def test_a_server_of_ours_is_told_how_long_the_run_will_wait(framework: str) -> None:
    endpoint = Endpoint(entry={"casemate": {}})
    await run(framework, endpoint)
    seconds = [float(sent["x-casemate-deadline-seconds"]) for sent in endpoint.headers[1:]]
    assert seconds == sorted(seconds, reverse=True)
    assert DEADLINE_GRACE < seconds[-1] <= seconds[0] <= spec().budget.seconds + DEADLINE_GRACE
    other = Endpoint(entry={"max_model_len": 131072})
    await run(framework, other)
    assert not any("x-casemate-deadline-seconds" in sent for sent in other.headers)
