"""Events that leave keep to OCSF 1.6.0, API Activity (6003) with the Security Control profile, and name nobody.

The schema here is written by hand from https://schema.ocsf.io/1.6.0/classes/api_activity: what the class, the profile
and the objects require, and the numbers they know.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cli.ocsf import event
from core.decision import Decision, Outcome
from core.decision_log import LoggedDecision

STRING = {"type": "string", "minLength": 1}
POLICY = {
    "type": "object",
    "properties": {"name": STRING, "uid": STRING, "version": STRING},
    "anyOf": [{"required": ["name"]}, {"required": ["uid"]}],
    "additionalProperties": False,
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": [
        *("activity_id", "actor", "api", "category_uid", "class_uid", "metadata", "severity_id", "src_endpoint"),
        *("time", "type_uid", "action_id", "disposition_id"),
    ],
    "additionalProperties": False,
    "properties": {
        "metadata": {
            "type": "object",
            "required": ["product", "version"],
            "additionalProperties": False,
            "properties": {
                "version": {"const": "1.6.0"},
                "product": {
                    "type": "object",
                    "required": ["name", "vendor_name"],
                    "properties": {"name": STRING, "vendor_name": STRING, "version": STRING},
                    "additionalProperties": False,
                },
                "profiles": {"const": ["security_control"]},
                "uid": STRING,
                "correlation_uid": STRING,
                "log_name": STRING,
                "sequence": {"type": "integer"},
            },
        },
        "time": {"type": "integer", "minimum": 1_000_000_000_000},
        "category_uid": {"const": 6},
        "category_name": {"const": "Application Activity"},
        "class_uid": {"const": 6003},
        "class_name": {"const": "API Activity"},
        "activity_id": {"enum": [0, 1, 2, 3, 4, 99]},
        "activity_name": STRING,
        "type_uid": {"enum": [600300, 600301, 600302, 600303, 600304, 600399]},
        "type_name": STRING,
        "severity_id": {"enum": [0, 1, 2, 3, 4, 5, 6, 99]},
        "severity": STRING,
        "message": STRING,
        "action_id": {"enum": [0, 1, 2, 3, 4, 99]},
        "action": STRING,
        "disposition_id": {"enum": [*range(28), 99]},
        "disposition": STRING,
        "policy": POLICY,
        "actor": {
            "type": "object",
            "properties": {
                "app_name": STRING,
                "app_uid": STRING,
                "authorizations": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "properties": {"decision": STRING, "policy": POLICY},
                        "additionalProperties": False,
                    },
                },
            },
            "anyOf": [{"required": [name]} for name in ("process", "user", "invoked_by", "session", "app_name")],
            "additionalProperties": False,
        },
        "api": {
            "type": "object",
            "required": ["operation"],
            "properties": {
                "operation": STRING,
                "service": {"type": "object", "properties": {"name": STRING}, "additionalProperties": False},
                "request": {
                    "type": "object",
                    "required": ["uid"],
                    "properties": {"uid": STRING},
                    "additionalProperties": False,
                },
            },
            "additionalProperties": False,
        },
        "src_endpoint": {
            "type": "object",
            "properties": {"svc_name": STRING},
            "anyOf": [{"required": [name]} for name in ("ip", "uid", "name", "hostname", "svc_name", "instance_uid")],
            "additionalProperties": False,
        },
        "unmapped": {"type": "object"},
    },
}

LOGGED = LoggedDecision(
    id="dec_1",
    sequence=42,
    ticket_id="tkt_1",
    proposal_id="prp_1",
    door="proposal",
    tool="isolate_host",
    facts={"team": {"name": "endpoint"}, "args": {"host": {"value": "HOST_K7Q2XB"}}, "asset": {"owner": "USERNAME_X"}},
    sealed=b"x",
    decision=Decision(
        outcome=Outcome.ASK,
        rules=("isolate-server", "vip"),
        reason="Anna Lindqvist must be asked.",
        bundle_hash="b" * 64,
        approvals=2,
        roles=("soc-lead",),
        expires_seconds=1800,
    ),
    microseconds=23,
    created_at=datetime(2026, 1, 5, 9, 0, 0, 250_000, tzinfo=UTC),
)


def made(outcome: Outcome = Outcome.ASK, *, acts: bool = True, **changes: Any) -> dict[str, Any]:
    logged = replace(LOGGED, **changes)
    logged = replace(logged, decision=replace(logged.decision, outcome=outcome))
    return event(logged, acts=acts, product_version="0.1.0")


@pytest.mark.parametrize("acts", [True, False])
@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_event_has_what_the_schema_requires_and_only_numbers_it_knows(outcome: Outcome, acts: bool) -> None:
    sent = made(outcome, acts=acts)
    Draft202012Validator(SCHEMA).validate(json.loads(json.dumps(sent)))
    assert sent["type_uid"] == sent["class_uid"] * 100 + sent["activity_id"]
    assert sent["activity_name"] == ("Update" if acts else "Read")


def test_the_hand_written_schema_refuses_what_is_wrong() -> None:
    right = made()
    for wrong in (
        {**right, "disposition_id": 28},
        {**right, "class_uid": 6004},
        {**right, "actor": {"authorizations": right["actor"]["authorizations"]}},
        {name: value for name, value in right.items() if name != "src_endpoint"},
    ):
        assert not Draft202012Validator(SCHEMA).is_valid(wrong)


@pytest.mark.parametrize(
    ("outcome", "action", "disposition"),
    [(Outcome.ALLOW, 1, 1), (Outcome.DENY, 2, 2), (Outcome.ASK, 99, 99)],
)
def test_outcomes_are_told_in_the_schemas_words(outcome: Outcome, action: int, disposition: int) -> None:
    sent = made(outcome)
    assert (sent["action_id"], sent["disposition_id"]) == (action, disposition)
    assert {one["decision"] for one in sent["actor"]["authorizations"]} == {outcome.value}


def test_an_event_says_when_what_by_which_rules_of_which_bundle() -> None:
    sent = made()
    assert sent["time"] == int(datetime(2026, 1, 5, 9, tzinfo=UTC).timestamp()) * 1000 + 250
    assert sent["metadata"]["uid"] == "dec_1"
    assert sent["metadata"]["correlation_uid"] == "tkt_1"
    assert (sent["api"]["operation"], sent["api"]["request"]["uid"]) == ("isolate_host", "prp_1")
    assert sent["policy"]["uid"] == "b" * 64
    assert [one["policy"]["name"] for one in sent["actor"]["authorizations"]] == ["isolate-server", "vip"]
    assert sent["actor"]["app_uid"] == "endpoint"
    assert sent["unmapped"] == {
        "door": "proposal",
        "microseconds": 23,
        "approvals": 2,
        "roles": ["soc-lead"],
        "expires_seconds": 1800,
        "on_expiry": "expire",
        "reauthenticate_seconds": 0,
        "lease_seconds": 0,
    }


def test_an_event_without_ticket_proposal_rule_or_facts_is_whole() -> None:
    bare = replace(LOGGED.decision, rules=())
    sent = made(Outcome.DENY, ticket_id=None, proposal_id=None, facts={}, decision=bare)
    Draft202012Validator(SCHEMA).validate(sent)
    assert "correlation_uid" not in sent["metadata"]
    assert sent["api"]["request"]["uid"] == "dec_1"
    assert [one["policy"]["name"] for one in sent["actor"]["authorizations"]] == ["default-deny"]
    assert sent["actor"]["app_uid"] == "casemate"


def test_no_argument_no_fact_and_no_free_text_leaves() -> None:
    text = json.dumps(made())
    assert [word for word in ("HOST_", "USERNAME_", "Lindqvist", "asked") if word in text] == []
