"""The shape that an answer is asked for in, where the endpoint keeps one beside tools."""

from __future__ import annotations

from agents.features import Features
from agents.spec import RoleSpec
from core.assessment import Assessment
from core.canonical import JsonObject

#: Either tool calls, or a whole assessment and nothing else.
ASSESSMENT: JsonObject = {
    "type": "json_schema",
    "json_schema": {"name": "assessment", "strict": True, "schema": Assessment.model_json_schema()},
}


def shaped(body: JsonObject, role: RoleSpec | None, features: Features) -> JsonObject:
    """The request of `role`; the same object where nothing is added."""
    if role is None or role.answers != "assessment" or not features.structured_with_tools:
        return body
    # Who may answer with a block of code must be free to.
    return body if role.code_blocks else {**body, "response_format": ASSESSMENT}
