"""What a case file is made of: moments, entities and the stream, out of what tickets and tools say."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from core.canonical import JsonObject
from core.evidence import Evidence, Trust
from core.ticket import MaskedTicket, TicketState
from workflows.case_entities import MAX_TOGETHER, Entities, entities
from workflows.case_moments import MAX_MOMENTS, moments
from workflows.case_story import DOERS, doer_of, stays, story
from workflows.casefile import INLINE, PAGE_BUDGET, results, tokens

WHEN = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def masked(**fields: Any) -> MaskedTicket:
    return MaskedTicket(title="", body="", fields=fields, reporter=None, occurred_at=None, attachments=())


def evidence(number: int = 1, tool: str = "search_logs", **changes: Any) -> Evidence:
    values: dict[str, Any] = {
        "ticket_id": "tkt_1",
        "id": f"E{number}",
        "tool": tool,
        "agent": "investigator",
        "arguments": {},
        "trust": Trust.UNTRUSTED,
        "summary": "",
        "facts": {},
        "detail": {},
        "error": None,
        "sandbox": "namespaces",
        "duration_ms": 1,
        "digest": "d",
        "created_at": WHEN,
        **changes,
    }
    return Evidence(**values)


def event(action: str, at: str = "2026-01-05T09:00:00+00:00", actor: str = "w1", **data: Any) -> JsonObject:
    return {"sequence": 1, "at": at, "action": action, "actor": actor, "ticket_id": "tkt_1", "data": data, "hash": ""}


# --- moments


@pytest.mark.parametrize(
    ("record", "what"),
    [
        ({"eventTime": "2026-01-05T07:12:44Z", "eventName": "StopLogging", "user": "USERNAME_K7Q2XB"}, "StopLogging"),
        ({"createdDateTime": "2026-01-05T07:12:44Z", "operationName": "Sign-in"}, "Sign-in"),
        ({"date": "Mon, 05 Jan 2026 08:12:44 +0100", "subject": "Invoice"}, "Mail “Invoice”"),
        ({"timestamp": 1_767_597_164, "event_type": "ProcessRollup"}, "ProcessRollup"),
        ({"last_used": "2026-01-05T07:12:44Z"}, "last used"),
    ],
)
def test_records_with_a_time_become_moments(record: JsonObject, what: str) -> None:
    found = moments(masked(events=[record]), ())
    assert [moment.at for moment in found] == [datetime(2026, 1, 5, 7, 12, 44, tzinfo=UTC)]
    assert found[0].what.startswith(what)


def test_the_same_event_in_the_ticket_and_in_evidence_is_one_moment() -> None:
    record = {"eventTime": "2026-01-05T07:12:44Z", "eventName": "StopLogging"}
    found = moments(masked(events=[record]), [evidence(3, detail={"rows": [record]})])
    assert [moment.sources for moment in found] == [("ticket", "E3")]


@pytest.mark.parametrize("value", ["yesterday", "2026-01-05", 443, True, None, "x" * 10_000, {"a": 1}, "99:99"])
def test_what_is_no_time_of_day_is_no_moment(value: Any) -> None:
    assert moments(masked(events=[{"timestamp": value, "eventName": "x"}]), ()) == []


def test_what_failed_and_what_is_too_deep_says_nothing() -> None:
    record: Any = {"eventTime": "2026-01-05T07:12:44Z"}
    deep: Any = record
    for _ in range(60):
        deep = {"more": deep}
    assert moments(masked(**deep), [evidence(error="It crashed.", detail={"rows": [record]})]) == []


def test_a_flood_of_events_is_cut_to_the_earliest() -> None:
    rows = [{"timestamp": f"2026-01-05T{n // 60:02}:{n % 60:02}:00Z", "action": f"a{n}"} for n in range(1_000)]
    found = moments(masked(events=rows[::-1]), ())
    assert len(found) == MAX_MOMENTS
    assert found[0].what == "a0"


# --- entities


def names(found: Entities) -> dict[str, str]:
    return {one.name: one.kind for one in found.entities}


def test_tokens_and_indicators_are_entities_of_their_kind() -> None:
    text = (
        "PERSON_K7Q2XB USERNAME_K7Q2XB HOST_K7Q2XB IP_K7Q2XB 198.51.100.23 http://198.51.100.66/r.ps1 "
        "harb0urbank.example CVE-2024-3400 9f914d42706fe215501044acd85a32d58aaef1419d404fddfa5d3b48f66ccd9f"
    )
    found = names(entities(masked(text=text), ()))
    assert found["PERSON_K7Q2XB"] == "person"
    assert found["USERNAME_K7Q2XB"] == "account"
    assert found["HOST_K7Q2XB"] == "host"
    assert found["IP_K7Q2XB"] == "address"
    assert found["198.51.100.23"] == "ip"
    assert found["http://198.51.100.66/r.ps1"] == "url"
    assert found["CVE-2024-3400"] == "vulnerability"
    assert set(found.values()) >= {"file", "url", "ip"}


def test_one_event_ties_what_it_names_and_two_events_do_not() -> None:
    rows = [{"user": "USERNAME_K7Q2XB", "ip": "198.51.100.23"}, {"user": "USERNAME_A2B3C4", "ip": "198.51.100.66"}]
    found = entities(masked(events=rows), [evidence(4, detail={"rows": rows[:1]})])
    assert [(tie.one, tie.other, tie.sources) for tie in found.ties] == [
        ("198.51.100.23", "USERNAME_K7Q2XB", ("ticket", "E4")),
        ("198.51.100.66", "USERNAME_A2B3C4", ("ticket",)),
    ]


def test_a_list_of_everything_connects_nothing() -> None:
    listed = evidence(2, "extract_indicators", detail={"ips": ["198.51.100.23", "198.51.100.66"], "own": ["bank.com"]})
    found = entities(None, [listed])
    assert set(names(found)) == {"198.51.100.23", "198.51.100.66"}
    assert found.ties == ()


def test_what_intelligence_knows_as_malicious_is_marked_and_kept_first() -> None:
    known = evidence(7, "lookup_indicator", arguments={"value": "198.51.100.66"}, facts={"malicious": True})
    rows = [{"ip": f"198.51.100.{number}", "user": "USERNAME_K7Q2XB"} for number in range(60)]
    found = entities(masked(events=rows), [known], most=5)
    assert found.left_out == 57
    assert [one.name for one in found.entities if one.bad] == ["198.51.100.66"]


def test_one_record_with_very_many_names_ties_only_some() -> None:
    text = " ".join(f"198.51.100.{number}" for number in range(100))
    found = entities(masked(text=text), ())
    assert len(found.entities) == 100
    assert len(found.ties) == MAX_TOGETHER * (MAX_TOGETHER - 1) // 2


def test_programs_in_arguments_name_nobody() -> None:
    assert entities(None, [evidence(arguments={"sql": "SELECT '198.51.100.23'"})]).entities == ()


# --- the stream


def test_every_actor_is_somebody() -> None:
    actors = {"user:ana": "person", "team:phishing/reviewer": "team", "policy": "policy", "api:desk": "machine"}
    assert {actor: doer_of(actor) for actor in actors} == actors
    assert {doer_of(actor) for actor in ("casemate", "vm:12", "clock", "celery", "")} == {"system"}
    assert set(actors.values()) | {"system"} == set(DOERS)


def test_an_event_that_nobody_has_words_for_is_named_as_it_is() -> None:
    (entry,) = story([event("some.new_thing")], (), (), ())
    assert entry.what == "some new thing"


def test_words_survive_data_that_is_missing_or_odd() -> None:
    entries = story([event("report.delivered"), event("assessment.kept"), event("evidence.recorded")], (), (), ())
    assert [entry.what for entry in entries][:2] == ["delivered ()", "Verdict , severity , by model"]


def test_states_follow_one_another_and_the_last_has_no_end() -> None:
    events = [
        event("ticket.received", "2026-01-05T09:00:00+00:00"),
        event("ticket.masked", "2026-01-05T09:00:02+00:00", to="masked"),
        event("proposal.decided", "2026-01-05T09:00:03+00:00", to="pending"),
        event("ticket.escalated", "2026-01-05T09:01:00+00:00", to="escalated"),
    ]
    found = stays(events)
    assert [stay.state for stay in found] == [TicketState.RECEIVED, TicketState.MASKED, TicketState.ESCALATED]
    assert found[0].until == found[1].since
    assert found[-1].until is None


# --- what fits into a page


def test_results_that_do_not_fit_are_left_for_later() -> None:
    small, long, huge = (
        evidence(1, detail={"a": "b"}),
        evidence(2, detail={"a": "x" * INLINE}),
        evidence(3, arguments={"a": "x" * 3 * INLINE}),
    )
    shown = results([small, long, huge])
    assert [(one.inline, one.detail) for one in shown] == [(True, True), (True, False), (False, False)]
    many = results([evidence(number, facts={"a": "x" * 5_000}) for number in range(1, 201)])
    assert sum(one.inline for one in many) * 5_000 <= PAGE_BUDGET
    assert not many[-1].inline


def test_tokens_are_listed_once_with_where_they_stand() -> None:
    found = tokens(masked(a="EMAIL_K7Q2XB and EMAIL_K7Q2XB"), [evidence(4, summary="EMAIL_K7Q2XB")])
    assert found == {"EMAIL_K7Q2XB": ("ticket", "E4")}
