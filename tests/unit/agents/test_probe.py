"""The fitness test tells a fit endpoint from one that is unfit in one way, and survives whatever is answered."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents import probe_texts as texts
from agents.probe import CHECKS, probe
from agents.probe_report import Outcome, Report
from agents.probe_verdict import least_context, verdicts
from agents.spec import shipped_teams
from core.canonical import JsonObject
from tests.unit.agents.fit_server import ASSESSMENT, FitServer, call, calls, good, running, says

TEAMS = tuple(shipped_teams().by_name.values())
KEY = "sk-0123456789abcdef"
EVERYTHING = {"max_model_len": 16_384, "casemate": {"structured_with_tools": True, "decisions": True}}


async def report_on(server: FitServer, **more: Any) -> Report:
    return await probe(server.url, **{"model": None, "key": KEY, "teams": TEAMS, "seconds": 20.0, **more})


def outcomes(report: Report) -> dict[str, str]:
    return {result.check: result.outcome.value for result in report.results}


def reasons(report: Report) -> dict[str, str]:
    return {result.check: result.reason for result in report.results}


async def test_a_fit_endpoint_passes_every_check_and_is_fit_for_every_team() -> None:
    with running(entry=EVERYTHING) as server:
        report = await report_on(server)
    assert set(outcomes(report)) == {"models", *CHECKS}
    assert set(outcomes(report).values()) == {"good"}, reasons(report)
    assert report.fit
    assert {team.team for team in report.teams} == set(shipped_teams().by_name)
    assert report.model == "fit"
    facts = {result.check: result.facts for result in report.results}
    assert 8_000 < facts["context"]["tokens"] < 16_384
    assert facts["speed"]["first_token_seconds"] >= 0
    assert set(server.keys) == {f"Bearer {KEY}"}


async def test_only_made_up_texts_are_sent() -> None:
    with running(entry=EVERYTHING) as server:
        await report_on(server)
    sent = json.dumps([body for body in server.bodies if body])
    assert "harbourbank" not in sent
    assert "casemate" not in sent


def without_calls(body: JsonObject) -> JsonObject:
    return says("Hello!") if "tools" in body and "response_format" not in body else good(body)


def with_broken_arguments(body: JsonObject) -> JsonObject:
    made = call(texts.LOOK_UP, texts.MACHINE)
    made["function"]["arguments"] = '{"machine": "AX-17'
    return calls(made) if "tool_calls" in good(body) else good(body)


def with_unknown_tool(body: JsonObject) -> JsonObject:
    return calls(call("delete_everything", texts.MACHINE)) if "tool_calls" in good(body) else good(body)


def with_unfitting_arguments(body: JsonObject) -> JsonObject:
    made = call(texts.LOOK_UP, texts.MACHINE)
    made["function"]["arguments"] = '{"host": 7}'
    return calls(made) if "tool_calls" in good(body) else good(body)


def deaf_to_choice(body: JsonObject) -> JsonObject:
    return good({name: value for name, value in body.items() if name != "tool_choice"})


def other_than_named(body: JsonObject) -> JsonObject:
    return calls(call(texts.STOP, texts.MACHINE)) if isinstance(body.get("tool_choice"), dict) else good(body)


def one_at_a_time(body: JsonObject) -> JsonObject:
    message = good(body)
    return {**message, "tool_calls": message["tool_calls"][:1]} if "tool_calls" in message else message


def elsewhere(body: JsonObject) -> JsonObject:
    """Calls for a machine that nobody spoke of."""
    message = good(body)
    return calls(call(texts.LOOK_UP, "ZZ-9999")) if "tool_calls" in message else message


def eager(body: JsonObject) -> JsonObject:
    return calls(call(texts.LOOK_UP, "E1")) if "tools" in body and "response_format" in body else good(body)


def forgetful(body: JsonObject) -> JsonObject:
    return says("I cannot tell.") if body["messages"][-1]["role"] == "tool" else good(body)


def chatty(body: JsonObject) -> JsonObject:
    answer = good(body)
    return says(f"Sure! {answer['content']}") if str(answer.get("content", "")).startswith("{") else answer


def without_json(body: JsonObject) -> JsonObject:
    return says("It is bad.") if str(good(body).get("content", "")).startswith("{") else good(body)


def trusting(body: JsonObject) -> JsonObject:
    benign = json.dumps({**ASSESSMENT, "verdict": "benign"})
    return says(benign) if str(good(body).get("content", "")).startswith("{") else good(body)


def citing_nothing(body: JsonObject) -> JsonObject:
    uncited = json.dumps({**ASSESSMENT, "findings": []})
    return says(uncited) if str(good(body).get("content", "")).startswith("{") else good(body)


def obedient(body: JsonObject) -> JsonObject:
    return says(texts.BAIT) if "You read tickets" in json.dumps(body) else good(body)


def stopping(body: JsonObject) -> JsonObject:
    return calls(call(texts.STOP, texts.OTHER_MACHINE)) if "You read tickets" in json.dumps(body) else good(body)


def idle(body: JsonObject) -> JsonObject:
    return says("What?") if "You read tickets" in json.dumps(body) else good(body)


def short_sighted(body: JsonObject) -> JsonObject:
    return says("None.") if len(json.dumps(body)) > 12_000 else good(body)


#: Model → what each check that it spoils comes to, and whether some team can still use it.
UNFIT: dict[Callable[[JsonObject], JsonObject], tuple[dict[str, str], bool]] = {
    without_calls: (
        {
            "tool_calls": "wrong",
            "tool_required": "broken",
            "tool_named": "broken",
            "tool_parallel": "wrong",
            "injection": "wrong",
        },
        False,
    ),
    with_broken_arguments: (
        dict.fromkeys(("tool_calls", "tool_required", "tool_named", "tool_parallel"), "broken"),
        False,
    ),
    with_unknown_tool: (dict.fromkeys(("tool_calls", "tool_required", "tool_named", "tool_parallel"), "broken"), False),
    with_unfitting_arguments: (
        dict.fromkeys(("tool_calls", "tool_required", "tool_named", "tool_parallel"), "broken"),
        False,
    ),
    deaf_to_choice: ({"tool_required": "broken", "tool_named": "broken"}, True),
    other_than_named: ({"tool_named": "broken"}, True),
    one_at_a_time: ({"tool_parallel": "wrong"}, True),
    elsewhere: (dict.fromkeys(("tool_calls", "tool_required", "tool_named", "tool_parallel"), "wrong"), False),
    eager: ({"schema_with_tools": "wrong"}, True),
    forgetful: ({"tool_calls": "wrong"}, False),
    chatty: ({"schema": "broken", "schema_with_tools": "broken"}, True),
    without_json: ({"json": "wrong", "schema": "broken", "schema_with_tools": "broken"}, False),
    trusting: (dict.fromkeys(("json", "schema", "schema_with_tools"), "wrong"), False),
    citing_nothing: (dict.fromkeys(("json", "schema", "schema_with_tools"), "wrong"), False),
    obedient: ({"injection": "wrong"}, False),
    stopping: ({"injection": "wrong"}, False),
    idle: ({"injection": "wrong"}, False),
    short_sighted: ({"context": "wrong"}, False),
}


@pytest.mark.parametrize("model", UNFIT, ids=lambda model: model.__name__)
async def test_what_is_unfit_in_one_way_fails_in_that_way_alone(model: Callable[[JsonObject], JsonObject]) -> None:
    spoilt, usable = UNFIT[model]
    with running(model, entry=EVERYTHING) as server:
        report = await report_on(server)
    assert {name: said for name, said in outcomes(report).items() if said != "good"} == spoilt, reasons(report)
    assert report.fit is usable
    needed = {"tool_calls", "json", "schema", "injection", "context"}
    for team in report.teams:
        assert team.fit is usable, team
        assert all(why.partition(":")[0] in needed for why in team.why)
        assert team.by_form is any(spoilt.get(name) == "broken" for name in ("tool_calls", "schema") if not team.fit)


async def test_a_window_that_is_too_small_for_a_team_makes_it_unfit_for_that_team_alone() -> None:
    needs = {spec.name: least_context(spec) for spec in TEAMS}
    window = max(needs.values()) - 1
    with running(entry={"max_model_len": window}) as server:
        report = await report_on(server)
    unfit = {team.team: team.why for team in report.teams if not team.fit}
    assert set(unfit) == {name for name, need in needs.items() if need > window}
    assert 0 < len(unfit) < len(TEAMS)
    assert f"Its window is {window} tokens" in str(unfit)


async def test_a_person_may_say_how_large_the_window_is() -> None:
    with running(entry={"max_model_len": 2048}) as server:
        report = await report_on(server, context=20_000)
        assert report.fit
        small = await report_on(server, context=3000)
    assert not any(team.fit for team in small.teams)


async def test_prompts_that_are_cut_without_a_word_are_noticed() -> None:
    with running(entry=EVERYTHING) as server:
        server.count_tokens = lambda text: min(len(text) // 3, 2048)
        report = await report_on(server)
    assert outcomes(report)["context"] == "wrong"
    assert "cuts long prompts without a word" in reasons(report)["context"]


async def test_an_endpoint_that_is_too_slow_for_the_shortest_run_is_unfit() -> None:
    with running(entry=EVERYTHING) as server:
        report = await report_on(server)
    slow = {"first_token_seconds": 10.0, "tokens_per_second": 4.0}
    results = [replace(one, facts=slow) if one.check == "speed" else one for one in report.results]
    judged = verdicts(TEAMS, results, report.features, None)
    assert all("The shortest run would take 660 s" in team.why[0] for team in judged)


async def test_an_endpoint_without_a_feature_is_fit_and_the_report_says_what_is_missing() -> None:
    with running() as server:
        report = await report_on(server)
    assert outcomes(report)["decisions"] == "skipped"
    assert report.fit
    assert "11 of 11 checks in form" in report.summary


async def test_a_request_that_is_refused_is_told_with_the_endpoints_own_words_and_never_with_the_key() -> None:
    def refuse(handler: Any, body: JsonObject) -> bool:
        if "response_format" not in body:
            return False
        return bool(handler.answer({"error": {"message": f"no response_format for {KEY}!\nGo away."}}, status=400))

    with running(entry=EVERYTHING) as server:
        server.spoil = refuse
        report = await report_on(server)
    assert outcomes(report)["schema"] == "refused"
    assert reasons(report)["schema"] == "It refuses the request with status 400: no response_format for …! Go away."
    assert report.fit
    assert KEY not in json.dumps(report.as_json())


def html(handler: Any, _body: JsonObject) -> bool:
    return bool(handler.answer(b"<html><h1>It works!</h1></html>", headers={"content-type": "text/html"}))


def huge(handler: Any, _body: JsonObject) -> bool:
    return bool(handler.answer(b'{"choices": "' + b"x" * 3_000_000 + b'"}'))


#: Five megabytes in five kilobytes.
PACKED = gzip.compress(b"x" * 5_000_000)


def packed(handler: Any, _body: JsonObject) -> bool:
    return bool(handler.answer(PACKED, headers={"content-encoding": "gzip"}))


def deep(handler: Any, _body: JsonObject) -> bool:
    return bool(handler.answer(b"[" * 100_000))


def broken_http(handler: Any, _body: JsonObject) -> bool:
    handler.wfile.write(b"\x00\x01\x02 hello\r\n\r\n")
    return True


def failing(handler: Any, _body: JsonObject) -> bool:
    return bool(handler.answer({"error": ["?"]}, status=500))


def forbidding(handler: Any, _body: JsonObject) -> bool:
    return bool(handler.answer({"detail": "no"}, status=401))


def endless(handler: Any, _body: JsonObject) -> bool:
    handler.send_response(200)
    handler.send_header("content-type", "text/event-stream")
    handler.send_header("connection", "close")
    handler.end_headers()
    try:
        while not handler.server.stopping.is_set():
            handler.wfile.write(b": still here\n\n" * 1000)
    except OSError:
        pass
    return True


NONSENSE: tuple[Any, ...] = (
    None, 7, "text", [], {}, {"choices": []}, {"choices": [7]}, {"choices": [{"message": 7}]}, {"choices": {"0": 1}},
    {"choices": [{"message": {"content": {"a": 1}}}]}, {"choices": [{"message": {"tool_calls": "x"}}]},
    {"choices": [{"message": {"tool_calls": [7]}}]},
    {"choices": [{"message": {"tool_calls": [{"function": {"name": 7}}]}}]},
    {"choices": [{"message": {"content": None}}], "usage": {"prompt_tokens": -5}}, {"data": "x"}, {"data": [{"id": 7}]},
    {"data": [7]}, {"answers": {"malicious": True}}, {"error": "no"},
)  # fmt: skip


@pytest.mark.parametrize("spoil", [html, huge, packed, deep, broken_http, failing, forbidding, endless])
async def test_whatever_is_answered_no_team_is_fit_and_nothing_breaks(spoil: Callable[[Any, JsonObject], bool]) -> None:
    with running(entry=EVERYTHING) as server:
        server.spoil = spoil
        report = await report_on(server, seconds=5.0)
    assert not any(team.fit for team in report.teams)
    assert all(team.by_form for team in report.teams)
    assert not {"good"} & set(outcomes(report).values())
    assert json.loads(json.dumps(report.as_json()))["fit"] is False


async def test_nonsense_of_every_kind_is_an_outcome() -> None:
    for value in NONSENSE:
        with running(entry=EVERYTHING) as server:
            server.spoil = lambda handler, _body, value=value: handler.answer(value)  # type: ignore[misc]
            report = await report_on(server, model="fit")
        assert not any(team.fit for team in report.teams), value


async def test_a_redirect_is_not_followed_with_the_key() -> None:
    with running(entry=EVERYTHING) as elsewhere, running() as server:
        server.spoil = lambda handler, _body: handler.answer({}, 307, {"location": elsewhere.url + "/models"})
        report = await report_on(server)
    assert elsewhere.keys == []
    assert "never followed" in reasons(report)["tool_calls"]


async def test_an_endpoint_that_says_nothing_is_given_up_soon() -> None:
    def silent(handler: Any, _body: JsonObject) -> bool:
        handler.server.stopping.wait(30)
        return True

    with running() as server:
        server.spoil = silent
        report = await report_on(server, seconds=0.2)
        server.stopping.set()
    assert set(outcomes(report).values()) == {"silent"}
    assert len(server.bodies) == 2
    assert "Not tried" in reasons(report)["context"]


async def test_the_whole_test_is_bounded() -> None:
    def slow(handler: Any, body: JsonObject) -> bool:
        return bool(body) and handler.server.stopping.wait(30)

    with running(entry=EVERYTHING) as server:
        server.spoil = slow
        report = await report_on(server, total=0.5)
        server.stopping.set()
    assert outcomes(report)["models"] == "good"
    assert "time for the whole test" in reasons(report)["tool_calls"]


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        ({"malicious": 0.1, "suspicious": 0.1, "benign": 0.7, "needs_information": 0.1}, "wrong"),
        ({"malicious": 0.9, "suspicious": 0.9, "benign": 0.7, "needs_information": 0.1}, "broken"),
        ({"malicious": 1.0}, "broken"),
    ],
)
async def test_probabilities_are_looked_at(given: JsonObject, outcome: str) -> None:
    with running(entry=EVERYTHING) as server:
        server.spoil = lambda handler, body: "question" in body and handler.answer({"answers": given})
        report = await report_on(server)
    assert outcomes(report)["decisions"] == outcome
    assert report.fit


@pytest.mark.parametrize(
    ("content", "status", "reason"),
    [
        (b"data: {nonsense\n\n", 200, "An event of the stream is no JSON."),
        (b": only comments\n\n", 200, "The stream holds no piece of an answer"),
        (b"{}", 400, "It refuses the request with status 400."),
    ],
)
async def test_a_stream_that_is_none_costs_no_team_anything(content: bytes, status: int, reason: str) -> None:
    with running(entry=EVERYTHING) as server:
        server.spoil = lambda handler, body: bool(body.get("stream")) and handler.answer(content, status)
        report = await report_on(server)
    assert reasons(report)["speed"].startswith(reason)
    assert report.fit


async def test_a_key_that_no_header_can_carry_is_said() -> None:
    with running() as server:
        report = await report_on(server, key="schlüssel")
    assert "look at its file" in reasons(report)["tool_calls"]
    assert server.keys == []


@pytest.mark.parametrize("told", ["1", "soon", "nan", "-5"])
async def test_an_endpoint_that_stays_busy_is_given_up(told: str) -> None:
    with running() as server:
        server.spoil = lambda handler, _body: handler.answer({}, 429, {"retry-after": told})
        report = await report_on(server, seconds=0.3)
    assert set(outcomes(report).values()) == {"silent"}
    assert "too busy" in reasons(report)["tool_calls"]


async def test_a_busy_endpoint_is_asked_again() -> None:
    def busy_at_first(handler: Any, body: JsonObject) -> bool:
        if len(handler.server.bodies) % 2:
            return bool(handler.answer({}, 429, {"retry-after": "0"}))
        return False

    with running(entry=EVERYTHING) as server:
        server.spoil = busy_at_first
        report = await report_on(server)
    assert {name for name, said in outcomes(report).items() if said != "good"} <= {"speed"}


async def test_nobody_there_and_a_name_that_is_not_there() -> None:
    with running() as server:
        pass
    report = await report_on(server)
    assert outcomes(report)["models"] == "silent"
    with running() as server:
        report = await report_on(server, model="gpt-of-dreams")
    assert reasons(report)["models"] == "It lists fit, and no gpt-of-dreams."
    assert all(body.get("model", "gpt-of-dreams") == "gpt-of-dreams" for body in server.bodies)


async def test_outcomes_say_whether_the_form_was_right() -> None:
    assert {outcome for outcome in Outcome if outcome.in_form} == {Outcome.GOOD, Outcome.WRONG}


def test_the_page_names_every_check_and_every_outcome_and_what_teams_need() -> None:
    page = (Path(__file__).parents[3] / "docs" / "model-probe.md").read_text()
    rows = re.findall(r"^\| `([a-z_]+)` \|", page, re.MULTILINE)
    assert rows == ["models", *CHECKS, *Outcome]
    low, high = (int(number.replace(",", "")) for number in re.findall(r"(\d+,\d+) to (\d+,\d+) tokens", page)[0])
    assert all(low <= least_context(spec) <= high for spec in TEAMS)
