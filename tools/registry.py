"""What a tool is, and the closed list of tools a team can name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Literal

from core.canonical import Json, JsonObject, digest
from core.errors import NotFound
from core.evidence import Trust
from policies.vocabulary import ToolShape
from tools.arguments import Arguments
from tools.investigate.fact_names import FACT_NAMES

#: A trusted input that is prepared outside the sandbox and handed in with the call.
Need = Literal[
    "ticket",  # title, body, fields, reporter
    "attachment",  # the one file the arguments name
    "attachments",  # all files
    "organization",  # own domains, networks, brands, partners
    "asset",  # the record of the host the arguments name
    "identity",  # the record of the person the arguments name
    "intel",  # rows of the threat-intelligence table for the value the arguments name
    "vulnerability",  # the record of the CVE the arguments name
    "history",  # earlier tickets that share indicators with this one
]


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolSpec:
    """What a model is told about a tool."""

    name: str
    description: str
    #: JSON Schema of the arguments, an object.
    parameters: JsonObject
    acts: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Tool:
    """One tool. A reading tool has an entry and runs in the sandbox; an acting tool has a connector and never does."""

    name: str
    description: str
    arguments: type[Arguments]
    trust: Trust = Trust.UNTRUSTED
    #: `tools.investigate.read_email:run`; None for a tool that acts.
    entry: str | None = None
    needs: frozenset[Need] = frozenset()
    #: Connector that carries the action out; None for a tool that reads.
    connector: str | None = None
    #: The argument that names what an action aims at, for limits per target; None when it aims at nothing.
    aims_at: str | None = None
    #: Which argument names the asset or identity an action aims at: `{"asset": "host"}`.
    target: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def acts(self) -> bool:
        return self.entry is None

    @property
    def facts(self) -> tuple[str, ...]:
        """Names of the facts a reading tool reports; `search_logs` adds the columns of a single row."""
        return FACT_NAMES.get(self.name, ())

    @property
    def argument_names(self) -> tuple[str, ...]:
        return tuple(self.arguments.model_fields)

    def schema(self) -> JsonObject:
        """JSON Schema of the tool's own arguments."""
        plain = _without_titles(self.arguments.model_json_schema())
        return {
            "type": "object",
            "properties": plain.get("properties", {}),
            "required": list(self.argument_names),
            "additionalProperties": False,
        }

    def spec(self) -> ToolSpec:
        """What models see: for an acting tool the reason and the evidence are asked for as well."""
        schema = self.schema()
        if self.acts:
            schema["properties"] = {**schema["properties"], **PROPOSAL_PROPERTIES}
            schema["required"] = [*schema["required"], *PROPOSAL_PROPERTIES]
        return ToolSpec(name=self.name, description=self.description, parameters=schema, acts=self.acts)


#: What a model adds to the arguments of an action; split off before the arguments are bound to an approval.
PROPOSAL_PROPERTIES: JsonObject = {
    "reason": {
        "type": "string",
        "minLength": 1,
        "maxLength": 1000,
        "description": "One sentence for the analyst: why this action, now.",
    },
    "evidence": {
        "type": "array",
        "items": {"type": "string"},
        "minItems": 1,
        "maxItems": 20,
        "description": 'Ids of the evidence it rests on, such as ["E2", "E5"].',
    },
}


class Registry:
    """Tools by name; nothing can be added once it is made."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        by_name: dict[str, Tool] = {}
        for tool in tools:
            if tool.name in by_name:
                raise ValueError(f"Two tools are called {tool.name}; give each its own name.")
            if (tool.entry is None) == (tool.connector is None):
                raise ValueError(f"Tool {tool.name} needs either an entry (reads) or a connector (acts).")
            by_name[tool.name] = tool
        self._tools = MappingProxyType(by_name)

    def get(self, name: str) -> Tool:
        """The tool.

        Raises:
            NotFound: no tool has this name.
        """
        if name not in self._tools:
            raise NotFound(f"There is no tool {name[:80]!r}; the tools are {', '.join(sorted(self._tools))}.")
        return self._tools[name]

    def names(self) -> tuple[str, ...]:
        return tuple(self._tools)

    def shapes(self) -> dict[str, ToolShape]:
        """What policy knows of each tool, for checking and proving rules."""
        return {
            tool.name: ToolShape(
                arguments=tool.argument_names, acts=tool.acts, target=dict(tool.target), aims_at=tool.aims_at
            )
            for tool in self._tools.values()
        }

    def acting(self) -> tuple[str, ...]:
        return tuple(name for name, tool in self._tools.items() if tool.acts)

    def schema_digest(self, name: str) -> str:
        """Pins name, description and schema, so that a tool that changed its meaning is approved anew."""
        tool = self.get(name)
        return digest({"name": tool.name, "description": tool.description, "parameters": tool.schema()})


@cache
def default_registry() -> Registry:
    """Every tool casemate ships."""
    from tools.investigate.catalogue import TOOLS as READING
    from tools.respond.catalogue import TOOLS as ACTING

    return Registry((*READING, *ACTING))


def _without_titles(value: Json) -> Json:
    if isinstance(value, dict):
        return {k: _without_titles(v) for k, v in value.items() if not (k == "title" and isinstance(v, str))}
    if isinstance(value, list):
        return [_without_titles(item) for item in value]
    return value
