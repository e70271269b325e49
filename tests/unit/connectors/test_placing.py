"""How values get into requests: into JSON, paths, queries and filters, or not at all."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import FixedClock
from core.errors import ToolRefused
from tests.unit.connectors.conftest import Make
from tests.unit.connectors.target import Answer, Target
from tools.connectors import quoting, template
from tools.connectors.indicators import indicator
from tools.connectors.matching import holds
from tools.connectors.pace import Pace
from tools.connectors.sigv4 import Credentials, sign
from tools.connectors.template import Scope
from tools.connectors.written import Condition

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
TEXTS = st.text(max_size=60)


def scope(**args: Any) -> Scope:
    return Scope(
        tool="isolate_host",
        key="k1",
        args=args,
        now=NOW,
        secret=lambda name: f"<{name}>",
        found={"a": [1], "b": {"c": 2}},
    )


@given(TEXTS)
@settings(derandomize=True, max_examples=150)
def test_a_value_in_json_is_that_value_and_changes_nothing_around_it(value: str) -> None:
    template_ = {"whole": "${args.host}", "part": "casemate: ${args.host}!", "list": ["${args.host}"]}
    try:
        filled = template.fill_json(template_, scope(host=value))
    except ToolRefused:
        return
    again = json.loads(json.dumps(filled))
    assert again == {"whole": value, "part": f"casemate: {value}!", "list": [value]}


@given(TEXTS)
@settings(derandomize=True, max_examples=150)
def test_a_value_in_a_path_is_one_segment_of_it(value: str) -> None:
    try:
        filled = template.fill_path("/users/${args.host}/revoke", scope(host=value))
    except ToolRefused:
        return
    assert filled.count("/") == 3
    assert not set(filled) & set("?#\\ \r\n")
    middle = filled.split("/")[2]
    assert middle not in ("", ".", "..")
    assert unquote(middle) == value


@given(TEXTS)
@settings(derandomize=True, max_examples=150)
def test_a_value_in_an_odata_filter_is_one_literal_of_it(value: str) -> None:
    literal = quoting.odata(value, "args.host")
    assert literal[0] == literal[-1] == "'"
    assert "'" not in literal[1:-1].replace("''", "")
    assert literal[1:-1].replace("''", "'") == value


@given(TEXTS)
@settings(derandomize=True, max_examples=150)
def test_a_value_in_an_fql_filter_has_none_of_its_grammar(value: str) -> None:
    try:
        literal = quoting.fql(value, "args.host")
    except ToolRefused:
        return
    assert not set(literal[1:-1]) & set("'\"\\*?[]()+,~!<>")


@pytest.mark.parametrize("value", ["", ".", "..", "a\x00b", "a\nb", "\ud800", "x" * 2001])
def test_what_a_url_cannot_hold_is_refused(value: str) -> None:
    with pytest.raises(ToolRefused) as refused:
        template.fill_path("/users/${args.host}", scope(host=value))
    assert value == "" or len(value) < 3 or value not in str(refused.value)


def test_a_placeholder_that_is_all_of_a_string_keeps_its_type() -> None:
    filled = template.fill_json({"ids": "${found.a}", "n": "${found.b.c}", "all": "${args}"}, scope(host="x", n=3))
    assert filled == {"ids": [1], "n": 2, "all": {"host": "x", "n": 3}}
    with pytest.raises(ToolRefused, match="no single value"):
        template.fill_json("ids: ${found.a}", scope())
    assert template.fill_json("${args.yes} ${args.n}", scope(yes=True, n=3)) == "true 3"


@pytest.mark.parametrize(
    "text", ["${args.host", "${}", "${args.host|nope}", "${env.HOME}", "${secret:x|lower}", "a ${ b", "${args.__x}"]
)
def test_what_is_no_placeholder_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"placeholder|filter|closed"):
        template.parse(text)


def test_a_value_that_looks_like_a_placeholder_is_a_value() -> None:
    assert template.fill_json("${args.host}", scope(host="${secret:okta_token}")) == "${secret:okta_token}"
    assert "okta" not in template.fill_path("/x/${args.host}", scope(host="${secret:y}"))


@pytest.mark.parametrize(
    ("filter_", "value", "gives"),
    [
        ("host", "WS-1.Corp.example", "ws-1.corp.example"),
        ("short_host", "WS-1.Corp.example", "ws-1"),
        ("message_id", "a@b", "<a@b>"),
        ("message_id", " <a@b> ", "<a@b>"),
        ("account", "CORP\\a.lindqvist", "a.lindqvist"),
        ("account", "a.lindqvist", "a.lindqvist"),
        ("lower", "ABC", "abc"),
        ("path", "a/b", "a%2Fb"),
        ("odata", "O'Hara", "'O''Hara'"),
        ("fql", "ws-1", "'ws-1'"),
    ],
)
def test_filters(filter_: str, value: str, gives: str) -> None:
    assert template.fill_text(f"${{args.host|{filter_}}}", scope(host=value)) == gives


@pytest.mark.parametrize(
    ("filter_", "value"),
    [("host", "a b"), ("host", "10.0.0.1"), ("host", ""), ("message_id", "a b@c"), ("message_id", "nothing"),
     ("message_id", '"a"@b'), ("account", "CORP\\"), ("fql", "a*"), ("fql", ""), ("fql", "a'+status:'x")],
)  # fmt: skip
def test_filters_refuse(filter_: str, value: str) -> None:
    with pytest.raises(ToolRefused, match="nothing was sent"):
        template.fill_text(f"${{args.host|{filter_}}}", scope(host=value))


def test_what_leaves_is_what_was_encoded(make: Make, target: Target) -> None:
    """Through the client and the wire: no library normalises what we encoded."""
    target.handle = lambda asked: Answer(body={})
    odd = "a/../b%2e%2e;x=1?y#z 'ä"
    text = f"""
name: plain
description: x
base_url: {target.url}/base
tools:
  disable_account:
    blind: no way
    send:
      url: "/u/${{args.account}}/x"
      query: {{q: "${{args.account}}", "$filter": "a eq ${{args.account|odata}}"}}
      form: {{f: "${{args.account}}"}}
"""
    assert make("plain", text).execute("disable_account", {"account": odd}, "k1").accepted
    [asked] = target.asked
    assert asked.path == f"/base/u/{odd}/x"
    assert asked.raw_path.count("/") == 4
    assert asked.query == {"q": odd, "$filter": "a eq '" + odd.replace("'", "''") + "'"}
    assert asked.form == {"f": odd}


# --- indicators

EVERY: dict[Any, str] = {kind: kind for kind in ("ipv4", "ipv6", "domain", "url", "email", "md5", "sha1", "sha256")}


@pytest.mark.parametrize(
    ("value", "kind"),
    [("203.0.113[.]9", "ipv4"),
     ("2001:DB8::1", "ipv6"), ("Evil[.]Example", "domain"), ("hxxps://evil.example/a", "url"),
     ("a@evil.example", "email"), ("A" * 32, "md5"), ("A" * 40, "sha1"), ("A" * 64, "sha256")],
)  # fmt: skip
def test_kinds_of_indicator(value: str, kind: str) -> None:
    assert indicator(value, EVERY, "indicator")["type"] == kind


@pytest.mark.parametrize("value", ["a" * 128, "10.0.0.0/8", "2001:db8::/32", "not an indicator", ""])
def test_what_is_none_or_has_no_name_there_is_refused(value: str) -> None:
    with pytest.raises(ToolRefused, match="nothing was sent"):
        indicator(value, EVERY, "indicator")


# --- conditions

ANSWER = {
    "a": {"b/c": 1, "on": True, "when": "2026-01-05T08:50:00Z"},
    "list": [{"n": 1, "s": "x"}, {"n": 2, "s": "y"}],
    "no": [],
}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"at": "/a/b~1c", "equals": 1}, True),
        ({"at": "/a/on", "equals": 1}, False),
        ({"at": "/a/on", "equals": True}, True),
        ({"at": "/list/1/n", "equals": 2}, True),
        ({"at": "/list/7/n", "equals": 2}, False),
        ({"at": "/list/-1/n", "exists": False}, True),
        ({"at": "/list/0/s", "same_text": "${args.host}"}, True),
        ({"at": "/list/0/n", "same_text": "1"}, False),
        ({"at": "/list/0/s", "one_of": ["y", "x"]}, True),
        ({"at": "/no", "empty": True}, True),
        ({"at": "/nothing", "empty": True}, True),
        ({"at": "/list", "empty": True}, False),
        ({"at": "/a/when", "recent": "15m"}, True),
        ({"at": "/a/when", "recent": "5m"}, False),
        ({"at": "/a/on", "recent": "5m"}, False),
        ({"at": "/list", "has": [{"at": "/n", "equals": 1}, {"at": "/s", "equals": "x"}]}, True),
        ({"at": "/list", "has": [{"at": "/n", "equals": 1}, {"at": "/s", "equals": "y"}]}, False),
        ({"at": "/list", "lacks": [{"at": "/n", "equals": 3}]}, True),
        ({"at": "/nothing", "lacks": [{"at": "/n", "equals": 3}]}, False),
        ({"at": "/list", "every": [{"at": "/n", "exists": True}]}, True),
        ({"at": "/no", "every": [{"at": "/n", "exists": True}]}, False),
        ({"at": "/nothing", "equals": "x"}, False),
    ],
)
def test_conditions(condition: dict[str, Any], expected: bool) -> None:
    assert holds([Condition.model_validate(condition)], ANSWER, scope(host="X")) is expected


@pytest.mark.parametrize(
    ("there", "wanted", "same"),
    [("WS-1.corp.example", "ws-1", True), ("ws-1", "WS-1", True), ("ws-1.corp.example", "WS-1.corp.example.", True),
     ("ws-1.corp.example", "ws-1.other.example", False), ("ws-10.corp.example", "ws-1", False),
     ("ws-1", "ws-1.corp.example", False)],
)  # fmt: skip
def test_hosts_are_the_same_by_name(there: str, wanted: str, same: bool) -> None:
    condition = Condition.model_validate({"at": "/h", "same_host": "${args.host}"})
    assert holds([condition], {"h": there}, scope(host=wanted)) is same


# --- pace and signatures


def test_leave_is_given_and_grows_back(clock: FixedClock) -> None:
    pace = Pace(60, clock)
    assert [pace.take(30), pace.take(30)] == [0, 0]
    assert pace.take(3) == 3.0
    clock.advance(seconds=3)
    assert pace.take(3) == 0
    clock.advance(seconds=-600)
    assert pace.take(1) > 0, "a clock that is set back gives nothing"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("120", 120), ("0", 1), ("Mon, 05 Jan 2026 09:10:00 GMT", 600), ("Mon, 05 Jan 2020 09:10:00 GMT", 1), ("soon", 30),
     (None, 30), ("99999999999999", 24 * 3600), ("-5", 30)],
)  # fmt: skip
def test_pauses_that_targets_ask_for(clock: FixedClock, header: str | None, seconds: float) -> None:
    assert Pace(60, clock).pause(header) == seconds


#: Of AWS's test suite and its documentation.
EXAMPLE = Credentials(
    access_key="AKIDEXAMPLE",
    secret_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    region="us-east-1",
    service="service",
)
FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


@pytest.mark.parametrize(
    ("url", "service", "headers", "signature"),
    [
        ("https://example.amazonaws.com/", "service", {},
         "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("https://example.amazonaws.com/?Param2=value2&Param1=value1", "service", {},
         "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
        ("https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08", "iam", FORM,
         "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"),
    ],
)  # fmt: skip
def test_signatures_are_those_of_the_reference(url: str, service: str, headers: dict[str, str], signature: str) -> None:
    by = dataclasses.replace(EXAMPLE, service=service)
    made = sign("GET", url, headers, b"", by=by, now=datetime(2015, 8, 30, 12, 36, tzinfo=UTC))
    assert made["authorization"].rpartition("Signature=")[2] == signature
    assert "wJalr" not in repr(by)
    with_token = sign("GET", url, headers, b"", by=dataclasses.replace(by, session_token="t"), now=NOW)
    assert with_token["x-amz-security-token"] == "t"
    assert "x-amz-security-token" in with_token["authorization"]
