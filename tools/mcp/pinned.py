"""An accepted MCP tool as the registry holds it, and definitions made of what a server lists."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from core.canonical import Json, JsonObject, canonical_bytes
from core.mcp import MAX_DESCRIPTION, MAX_TOOL_NAME, Acceptance, Definition, tool_name
from tools.mcp import schema as schemas

#: Names of tools that are kept at all; MCP allows no others since 2025-11-25.
NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pinned:
    """What an admin accepted: where it is, what it is, and the hash that the server must still list."""

    server: str
    tool: str
    hash: str
    #: JSON Schema of its arguments, closed.
    schema: JsonObject
    acceptance: Acceptance = field(default_factory=lambda: Acceptance(acts=True))

    def checked(self, arguments: JsonObject) -> JsonObject:
        """The arguments in the form that was accepted.

        Raises:
            ToolRefused: names the first argument at fault, without repeating its value.
        """
        return schemas.check(self.schema, arguments)


def definitions(server: str, listed: Iterable[tuple[str, str | None, Json, bool]]) -> list[Definition]:
    """Definitions of the tools of one list: (name, description, schema, says it is read-only).

    Tools whose names MCP does not allow are left out; of two that would have one name here, neither can be accepted.
    """
    rows = [row for row in listed if NAME.fullmatch(row[0])]
    here = Counter(tool_name(server, row[0]) for row in rows)
    found: dict[str, Definition] = {}
    for tool, description, schema, read_only in rows:
        name = tool_name(server, tool)
        twice = "the server lists more than one tool of this name." if here[name] > 1 else None
        found[tool] = _definition(name, tool, description or "", schema, read_only=read_only, problem=twice)
    return list(found.values())


def _definition(
    name: str, tool: str, description: str, schema: Json, *, read_only: bool, problem: str | None
) -> Definition:
    if problem is None and len(name) > MAX_TOOL_NAME:
        problem = f"`{name}` is longer than the {MAX_TOOL_NAME} characters that model endpoints take."
    plain = _plain(description)
    if problem is None and (not plain.strip() or len(plain) > MAX_DESCRIPTION):
        problem = f"its description is empty or longer than {MAX_DESCRIPTION} characters."
    if problem is None and plain != description:
        problem = "its description holds invisible or control characters."
    problem = problem or schemas.problem(schema)
    kept = schema if isinstance(schema, dict) and _is_small(schema) else {}
    return Definition(
        tool=tool,
        description=plain[: MAX_DESCRIPTION + 1],
        schema=kept,
        read_only=read_only,
        problem=problem,
    )


def _is_small(schema: JsonObject) -> bool:
    try:
        return len(canonical_bytes(schema)) <= schemas.MAX_SCHEMA
    except (ValueError, TypeError, RecursionError):
        return False


def _plain(text: str) -> str:
    """The text without what a person who accepts it would not see: controls, direction marks, tags, joiners."""
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cf", "Co", "Cs", "Cn"})
