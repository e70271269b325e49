"""What a tool is, and the closed list of tools a team can name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType

from core.canonical import Json, JsonObject, digest
from core.errors import NotFound
from core.evidence import Trust
from core.mcp import is_external
from policies.vocabulary import ToolShape
from tools.checks import parse
from tools.limits import Limits
from tools.mcp.pinned import Pinned
from tools.tool import Ask, Declared, Need, ToolArguments, ToolFacts, declared_by


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
    arguments: type[ToolArguments]
    trust: Trust = Trust.UNTRUSTED
    #: `tools.investigate.read_email:run`; None for a tool that acts.
    entry: str | None = None
    needs: frozenset[Need] = frozenset()
    #: Kinds of request it may put to the network broker.
    asks: frozenset[Ask] = frozenset()
    limits: Limits = Limits()
    #: Types and meanings of its facts.
    facts_model: type[ToolFacts] | None = None
    #: A TypedDict that says what is in the detail.
    detail: type | None = None
    #: Connector that carries the action out; None for a tool that reads.
    connector: str | None = None
    #: What an approval is bound to: who carries it out and how (`tools/connectors/opening.py`); empty for the lab.
    carrier: str = ""
    #: The MCP tool behind it, whose own schema its arguments follow; it reads unless it has a connector as well.
    mcp: Pinned | None = None
    #: The argument that names what an action aims at, for limits per target; None when it aims at nothing.
    aims_at: str | None = None
    #: Which argument names the asset or identity an action aims at: `{"asset": "host"}`.
    target: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    #: For people who approve an action: what it is with its arguments (`Isolate the host {host}`), …
    words: str = ""
    #: … what it changes, …
    does: str = ""
    #: … and how it is taken back. Nothing of the three is shown to models or bound to an approval.
    undone: str = ""
    #: Nothing takes it back, whoever carries it out.
    final: bool = False

    @property
    def acts(self) -> bool:
        return self.connector is not None

    @property
    def facts(self) -> tuple[str, ...]:
        """Names of the facts it declares; none for a tool that acts and for one of an MCP server."""
        return tuple(self.facts_model.model_fields) if self.facts_model is not None else ()

    @property
    def argument_names(self) -> tuple[str, ...]:
        if self.mcp is not None:
            return tuple(self.mcp.schema["properties"])
        return tuple(self.arguments.model_fields)

    def checked(self, arguments: JsonObject) -> JsonObject:
        """The arguments in the form the tool declares.

        Raises:
            ToolRefused: names what is at fault, without repeating a value.
        """
        if self.mcp is not None:
            return self.mcp.checked(arguments)
        return parse(self.arguments, arguments).model_dump()

    def schema(self) -> JsonObject:
        """JSON Schema of the tool's own arguments."""
        if self.mcp is not None:
            return dict(self.mcp.schema)
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
            if tool.mcp is None and (tool.entry is None) == (tool.connector is None):
                raise ValueError(f"Tool {tool.name} needs either an entry (reads) or a connector (acts).")
            if (tool.mcp is not None) != is_external(tool.name):
                raise ValueError(f"{tool.name}: tools of MCP servers, and no others, have a double underscore.")
            by_name[tool.name] = tool
        self._tools = MappingProxyType(by_name)

    def snapshot(self) -> Registry:
        """The tools of this moment, for one piece of work: MCP tools come and go."""
        return self

    def all(self) -> tuple[Tool, ...]:
        return tuple(self._by_name().values())

    def get(self, name: str) -> Tool:
        """The tool.

        Raises:
            NotFound: no tool has this name.
        """
        tools = self._by_name()
        if name not in tools:
            raise NotFound(f"There is no tool {name[:80]!r}; the tools are {', '.join(sorted(tools))}.")
        return tools[name]

    def names(self) -> tuple[str, ...]:
        return tuple(self._by_name())

    def shapes(self) -> dict[str, ToolShape]:
        """What policy knows of each tool, for checking and proving rules.

        Those of MCP servers are left out: a bundle must load whether they are there or not.
        """
        return {
            tool.name: ToolShape(
                arguments=tool.argument_names,
                acts=tool.acts,
                target=dict(tool.target),
                aims_at=tool.aims_at,
                asks=frozenset(tool.asks),
            )
            for tool in self.all()
            if tool.mcp is None
        }

    def acting(self) -> tuple[str, ...]:
        return tuple(tool.name for tool in self.all() if tool.acts)

    def schema_digest(self, name: str) -> str:
        """Pins name, description and schema, so that a tool that changed its meaning is approved anew.

        One that is gone has a digest too, which no approval is bound to.
        """
        if name not in self.names():
            return digest({"name": name, "gone": True})
        tool = self.get(name)
        pinned: JsonObject = {"name": tool.name, "description": tool.description, "parameters": tool.schema()}
        if tool.mcp is not None:
            pinned["mcp"] = {"server": tool.mcp.server, "pin": tool.mcp.hash, "acts": tool.acts}
        return digest(pinned)

    def _by_name(self) -> Mapping[str, Tool]:
        return self._tools


@cache
def default_registry() -> Registry:
    """Every tool casemate ships."""
    from tools.respond.catalogue import TOOLS as ACTING

    return Registry((*map(tool_of, declarations("tools.investigate")), *ACTING))


def declarations(package: str) -> Iterator[Declared]:
    """What the files of a package declare with `@tool`, by name."""
    paths = importlib.import_module(package).__path__
    for name in sorted(found.name for found in pkgutil.iter_modules(paths)):
        declared = declared_by(importlib.import_module(f"{package}.{name}"))
        if declared is not None:
            yield declared


def tool_of(declared: Declared) -> Tool:
    """The tool that a file declares."""
    return Tool(
        name=declared.name,
        description=declared.description,
        arguments=declared.arguments,
        trust=Trust(declared.trust),
        entry=declared.entry,
        needs=declared.needs,
        asks=declared.asks,
        limits=declared.limits,
        facts_model=declared.facts,
        detail=declared.detail,
    )


def _without_titles(value: Json) -> Json:
    if isinstance(value, dict):
        return {k: _without_titles(v) for k, v in value.items() if not (k == "title" and isinstance(v, str))}
    if isinstance(value, list):
        return [_without_titles(item) for item in value]
    return value
