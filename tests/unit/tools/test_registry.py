"""The list of tools: closed, typed, and pinned by a digest."""

from __future__ import annotations

import importlib
import importlib.util

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from core.errors import NotFound
from core.evidence import Trust
from tools.arguments import AttachmentArguments, NoArguments
from tools.registry import Registry, Tool, default_registry

READING = {
    "read_ticket", "read_email", "inspect_url", "decode_script", "extract_indicators", "lookup_indicator",
    "lookup_asset", "lookup_identity", "search_logs", "lookup_technique", "lookup_vulnerability", "similar_cases",
    "inspect_file", "run_python", "scan_yara", "match_sigma", "timeline", "ssvc",
    "query_url", "query_dns", "whois", "lookup_reputation",
}  # fmt: skip
ACTING = {
    "quarantine_email", "block_indicator", "isolate_host", "disable_account", "revoke_sessions", "rotate_secret",
    "close_ticket",
}  # fmt: skip


def test_every_promised_tool_is_registered_and_nothing_else() -> None:
    registry = default_registry()
    assert set(registry.names()) == READING | ACTING
    assert set(registry.acting()) == ACTING


@pytest.mark.parametrize("name", sorted(READING))
def test_every_reading_tool_says_what_its_arguments_and_facts_mean(name: str) -> None:
    tool = default_registry().get(name)
    assert tool.facts_model is not None
    fields = {**tool.facts_model.model_fields, **tool.arguments.model_fields}
    assert tool.facts
    assert [field for field, info in fields.items() if not info.description] == []


@pytest.mark.parametrize("name", sorted(READING | ACTING))
def test_schema_shown_to_models_is_closed_and_all_arguments_are_required(name: str) -> None:
    spec = default_registry().get(name).spec()
    Draft202012Validator.check_schema(spec.parameters)
    assert spec.parameters["additionalProperties"] is False
    assert set(spec.parameters["required"]) == set(spec.parameters["properties"])


@pytest.mark.parametrize("name", sorted(ACTING))
def test_acting_tool_asks_for_reason_and_evidence_but_does_not_bind_them(name: str) -> None:
    tool = default_registry().get(name)
    assert {"reason", "evidence"} <= set(tool.spec().parameters["properties"])
    assert not {"reason", "evidence"} & set(tool.schema()["properties"])


@pytest.mark.parametrize("name", sorted(READING))
def test_entry_of_every_reading_tool_exists(name: str) -> None:
    module, _, function = str(default_registry().get(name).entry).partition(":")
    assert callable(getattr(importlib.import_module(module), function))


@pytest.mark.parametrize("name", ["read_ticket", "read_email", "extract_indicators", "search_logs", "inspect_url"])
def test_what_an_attacker_may_have_written_is_labelled_untrusted(name: str) -> None:
    assert default_registry().get(name).trust is Trust.UNTRUSTED


def test_unknown_tool_is_answered_with_the_list() -> None:
    with pytest.raises(NotFound, match="read_email"):
        default_registry().get("rm_rf")


def test_two_tools_of_one_name_are_refused() -> None:
    tool = Tool(name="x", description="d", arguments=NoArguments, connector="lab")
    with pytest.raises(ValueError, match="Two tools"):
        Registry([tool, tool])


def test_tool_that_both_reads_and_acts_is_refused() -> None:
    with pytest.raises(ValueError, match="either an entry"):
        Registry([Tool(name="x", description="d", arguments=NoArguments, connector="lab", entry="a:b")])


def test_digest_changes_with_the_description_and_with_the_schema() -> None:
    def digest(description: str, arguments: type[NoArguments] | type[AttachmentArguments]) -> str:
        return Registry([Tool(name="x", description=description, arguments=arguments, connector="lab")]).schema_digest(
            "x"
        )

    assert digest("a", NoArguments) == digest("a", NoArguments)
    assert len({digest("a", NoArguments), digest("b", NoArguments), digest("a", AttachmentArguments)}) == 3


@pytest.mark.parametrize("bad", [{}, {"attachment": "0"}, {"attachment": -1}, {"attachment": 0, "path": "/etc"}])
def test_arguments_are_parsed_strictly(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AttachmentArguments.model_validate(bad)
