"""Times in every form, and what the order of events tells."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.tools.outside import files
from tools.investigate import search_logs, timeline
from tools.investigate.answer import InputRefused
from tools.investigate.timestamps import find_moments, read_moment, read_time
from tools.registry import default_registry
from tools.runner import Runner
from tools.sandbox.sandbox import Sandbox

NINE = datetime(2026, 1, 5, 9, 21, 37, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-05T09:21:37Z", "2026-01-05 09:21:37", "2026-01-05T11:21:37+02:00", "2026-01-05T11:21:37+0200",
        "2026/01/05 09:21:37", "2026-01-05T09:21:37.000000000Z", "2026-01-05T01:21:37,000-08:00", "20260105T092137Z",
        "Mon, 05 Jan 2026 10:21:37 +0100", "Mon, 5 Jan 2026 09:21:37 GMT", "5 January 2026 09:21:37",
        "05/Jan/2026:09:21:37 +0000", "Mon Jan  5 09:21:37 2026", "Mon Jan 5 09:21:37 UTC 2026",
        "Jan 5, 2026, 9:21:37 AM", "January 5th, 2026 at 09:21:37", "Jan  5 09:21:37", "05.01.2026 09:21:37",
        "1/5/2026 9:21:37 AM", "1/5/2026, 09:21:37", "2026-01-05 10:21:37 CET", "2026-01-05 01:21:37 PST",
        "2026-01-05 11:21:37 (UTC+2)", "[2026-01-05 09:21:37]", "1767604897", "1767604897000", "/Date(1767604897000)/",
        "134120784970000000", 1767604897, 1767604897.0, 1767604897000, 1767604897000000, 1767604897000000000,
        134120784970000000,
    ],
)  # fmt: skip
def test_time_is_read_in_every_customary_form(text: Any) -> None:
    assert read_time(text, year=2026) == NINE


@pytest.mark.parametrize(
    "text",
    ["198.51.100.23", "2026-13-01 10:00", "10.20.2026", "31/31/2026", "hello", "", "12345678", "1.2.3.4.2026", True,
     None, [], "4.9.2026.1", 5, -1, 1e300, float("nan"), "12:30", "2026-01-05 and then a lot more"],
)  # fmt: skip
def test_what_is_no_time_is_none(text: Any) -> None:
    assert read_time(text) is None


def test_zone_that_is_not_written_is_known_to_be_missing() -> None:
    naive, aware = read_moment("2026-01-05 09:21:37"), read_moment("2026-01-05 09:21:37Z")
    assert naive is not None
    assert aware is not None
    assert (naive.zoned, aware.zoned) == (False, True)


def test_day_and_month_are_told_apart_where_only_one_reading_is_possible() -> None:
    assert read_time("25/12/2026 10:00") == datetime(2026, 12, 25, 10, 0, tzinfo=UTC)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.text(alphabet="0123456789-/:.TZ+ ,JanFebMon()PMutc\u0661", max_size=60))
def test_no_text_breaks_the_reading_of_times(text: str) -> None:
    read_moment(text, year=2026)
    for start, end, moment in find_moments(text, year=2026):
        assert 0 <= start < end <= len(text)
        assert moment.at.tzinfo is not None


def run(fields: dict[str, Any], body: str = "", gap: int = 30, about: str = "", **attached: bytes) -> dict[str, Any]:
    inputs = {
        "ticket": {"title": "", "body": body, "fields": fields, "reporter": ""},
        "attachments": [
            {"name": name.replace("_", "."), "content_base64": base64.b64encode(content).decode()}
            for name, content in attached.items()
        ],
    }
    return timeline.run({"about": about, "gap_minutes": gap}, inputs)


def event(minute: float, what: str = "ConsoleLogin", who: str = "ada", hour: int = 9) -> dict[str, Any]:
    seconds = round(minute * 60)
    at = f"2026-01-05T{hour + seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}Z"
    return {"eventTime": at, "eventName": what, "userIdentity": {"userName": who}, "sourceIPAddress": "198.51.100.9"}


def test_events_are_ordered_and_gaps_and_actors_found() -> None:
    found = run({"events": [event(90, "StopLogging", "eve"), event(0), event(5)]})
    assert [entry["what"] for entry in found["detail"]["entries"]] == ["ConsoleLogin", "ConsoleLogin", "StopLogging"]
    facts = found["facts"]
    assert (facts["first"], facts["last"]) == ("2026-01-05T09:00:00Z", "2026-01-05T10:30:00Z")
    assert (facts["span_seconds"], facts["gaps"], facts["longest_gap_seconds"]) == (5400, 1, 5100)
    assert (facts["actors"], facts["out_of_order"], facts["unzoned"], facts["untimed"]) == (2, True, 0, 0)
    assert found["detail"]["gaps"] == [{"from": "2026-01-05T09:05:00Z", "to": "2026-01-05T10:30:00Z", "seconds": 5100}]
    ada, eve = found["detail"]["actors"]
    assert (ada["who"], ada["events"], ada["last"]) == ("ada", 2, "2026-01-05T09:05:00Z")
    assert (eve["did"], eve["from"]) == (["StopLogging"], ["198.51.100.9"])


def test_burst_is_what_is_much_faster_than_the_rest() -> None:
    steady = [event(n) for n in range(0, 120, 10)]
    fast = [event(60 + n / 30, "GetSecretValue", "eve") for n in range(30)]
    found = run({"events": [*steady, *fast]})
    assert (found["facts"]["bursts"], found["facts"]["busiest_minute"]) == (1, 31)
    [burst] = found["detail"]["bursts"]
    assert burst["what"] == "GetSecretValue"
    assert run({"events": steady})["facts"]["bursts"] == 0


MAIL = (
    b"Received: from a.example by b.example; Mon, 5 Jan 2026 09:00:05 +0000\r\n"
    b"From: eve@evil.example\r\nSubject: Invoice\r\nDate: Mon, 05 Jan 2026 10:00:00 +0100\r\n\r\nhello\r\n"
)


def test_mails_their_hops_dated_lines_and_text_join_the_events() -> None:
    log = b"Jan  5 09:10:00 web sshd[1]: Failed password for root\nno time here\n"
    found = run(
        {"events": [event(30)]},
        "I saw it at 2026-01-05 09:20 UTC.\nOn 2026-01-04 nothing.",
        mail_eml=MAIL,
        auth_log=log,
    )
    told = [(entry["at"][11:16], entry["source"]) for entry in found["detail"]["entries"]]
    assert told == [("09:00", "mail"), ("09:00", "hop"), ("09:10", "text"), ("09:20", "text"), ("09:30", "event")]
    assert found["detail"]["entries"][2]["zone"] == "not written"
    assert found["facts"]["unzoned"] == 1


def test_only_what_names_somebody_is_shown_when_asked() -> None:
    found = run({"events": [event(0), event(1, who="Eve@Corp")]}, about="eve@corp")
    assert found["facts"]["events"] == 1
    with pytest.raises(InputRefused, match="names that"):
        run({"events": [event(0)]}, about="nobody")


def test_long_story_keeps_its_beginning_and_its_end() -> None:
    found = run({"events": [event(n / 2) for n in range(200)]})
    assert (len(found["detail"]["entries"]), found["detail"]["left_out"]) == (60, 140)
    assert found["detail"]["entries"][-1]["at"] == found["facts"]["last"]


def test_events_without_a_time_are_counted_and_a_ticket_without_any_is_refused() -> None:
    assert run({"events": [event(0), {"eventName": "x"}]})["facts"]["untimed"] == 1
    with pytest.raises(InputRefused, match="has a time that can be read"):
        run({"host": "LT-1"}, "no time")


@pytest.mark.parametrize(
    "row",
    [
        {"Event": {"System": {"TimeCreated": {"#attributes": {"SystemTime": "2026-01-05T09:21:37.000Z"}}}}},
        {"EventData": {"UtcTime": "2026-01-05 09:21:37.000"}},
        {"@timestamp": "2026-01-05T09:21:37Z"}, {"_time": 1767604897}, {"published": "2026-01-05T09:21:37.000Z"},
        {"createdDateTime": "2026-01-05T09:21:37Z"}, {"ts": 1767604897.0}, {"some_odd_time": "2026-01-05 09:21:37"},
        {"deep": {"last_seen": "2026-01-05T09:21:37Z"}}, {"winlog": {"event_data": {"UtcTime": "2026-01-05 09:21:37"}}},
    ],
)  # fmt: skip
def test_time_of_an_event_is_found_where_products_write_it(row: dict[str, Any]) -> None:
    assert run({"events": [row]})["facts"]["first"] == "2026-01-05T09:21:37Z"


async def test_tool_runs_in_the_sandbox(sandbox: Sandbox) -> None:
    inputs = {"ticket": {"title": "", "body": "", "fields": {"events": [event(0)]}, "reporter": ""}, "attachments": []}
    tool = default_registry().get("timeline")
    found = await Runner(sandbox=sandbox).run(tool, {"about": "", "gap_minutes": 5}, inputs)
    assert found["facts"]["events"] == 1


def test_every_detonation_log_loads_into_the_search_and_the_timeline() -> None:
    for path in files("stratus-detonation-logs", "logs", pattern="*.json"):
        rows = json.loads(path.read_text(encoding="utf-8"))
        told = run({"events": rows})["facts"]
        assert (told["events"], told["untimed"], told["unzoned"]) == (len(rows), 0, 0), path.name
        assert told["actors"] >= 1, path.name
        inputs = {"ticket": {"fields": {"events": rows}}}
        counted = search_logs.run({"sql": "select count(*) as n, min(eventTime) as first from events"}, inputs)["facts"]
        assert counted["n"] == len(rows), path.name
        assert read_time(counted["first"]) == read_time(told["first"]), path.name
