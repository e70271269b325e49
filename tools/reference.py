"""What people are told of each tool: one page a tool, made from what the tool declares."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from core.canonical import JsonObject
from tools.limits import Limits
from tools.registry import PROPOSAL_PROPERTIES, Registry, Tool
from tools.tool import Ask, Need

#: What a tool is handed with a call, in words.
NEEDS: dict[Need, str] = {
    "ticket": "the ticket's title, body, fields and reporter",
    "attachment": "the attachment that the arguments name",
    "attachments": "all attachments",
    "organization": "our domains, networks, brands, partners and the names of our people",
    "asset": "the inventory's record of the host that the arguments name",
    "identity": "the directory's record of the person that the arguments name",
    "intel": "what our threat-intelligence table has of the value that the arguments name",
    "vulnerability": "our record of the CVE that the arguments name",
    "score": "the EPSS score of the CVE that the arguments name",
    "yara_rules": "all YARA rules",
    "sigma_rules": "all Sigma rules",
    "history": "earlier tickets that share indicators with this one",
    "masked_ticket": "the ticket's title, body, fields and reporter as models see them",
    "masked_files": "name, size and text of each attachment as models see them",
}
#: What a tool may ask of the network broker, in words.
ASKS: dict[Ask, str] = {
    "http_get": "fetch a page",
    "dns": "look a name up in DNS",
    "whois": "look a registration up",
    "vendor": "look an indicator up with a vendor",
}
#: Words for the types of JSON.
PLAIN = {bool: "true or false", int: "whole number", float: "number", str: "text", type(None): "nothing", Any: "any"}
INDEX = "index.md"


def pages(registry: Registry) -> dict[str, str]:
    """The whole reference: file names and what is in them."""
    tools = [registry.get(name) for name in sorted(registry.names())]
    return {INDEX: _index(tools), **{f"{tool.name}.md": page(tool) for tool in tools}}


def page(tool: Tool) -> str:
    """One tool's page."""
    return "\n".join([f"# {tool.name}", "", tool.description, "", *(_acting(tool) if tool.acts else _reading(tool))])


def described(tool: Tool) -> JsonObject:
    """The same as one JSON object."""
    return {
        "name": tool.name,
        "description": tool.description,
        "acts": tool.acts,
        "trust": None if tool.acts else tool.trust.value,
        "arguments": tool.schema()["properties"],
        "facts": [
            {"name": name, "type": type_, "optional": optional, "description": meaning}
            for name, type_, optional, meaning in facts_of(tool)
        ],
        "more_facts": _more_facts(tool),
        "detail": {name: words(hint) for name, hint in _keys(tool.detail)},
        "needs": sorted(tool.needs),
        "asks": sorted(tool.asks),
        "limits": None if tool.acts else dataclasses.asdict(tool.limits),
        "connector": tool.connector,
        "aims_at": tool.aims_at,
    }


def arguments_of(tool: Tool) -> list[tuple[str, str, str]]:
    """(name, type, meaning) of each argument."""
    properties = tool.schema()["properties"]
    return [(name, _schema_words(spec), spec.get("description", "")) for name, spec in properties.items()]


def facts_of(tool: Tool) -> list[tuple[str, str, bool, str]]:
    """(name, type, whether it may be missing, meaning) of each fact."""
    if tool.facts_model is None:
        return []
    found = []
    for name, field in tool.facts_model.model_fields.items():
        options = [option for option in _options(field.annotation) if option is not type(None)]
        type_ = " or ".join(words(option) for option in options)
        found.append((name, type_, not field.is_required(), field.description or ""))
    return found


def words(hint: Any) -> str:
    """A type in words."""
    origin, inside = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return words(inside[0])
    if origin is Literal:
        return "one of " + ", ".join(f"`{value}`" for value in inside)
    if origin in {Union, types.UnionType}:
        return " or ".join(dict.fromkeys(words(option) for option in inside))
    if origin is list:
        # The text that says how many are missing needs no mention each time.
        kinds = [option for option in _options(inside[0]) if option is not str] or [str]
        return "list of " + " or ".join(words(kind) for kind in kinds)
    if origin is dict:
        return f"object of {words(inside[1])}"
    return f"[{hint.__name__}](#{hint.__name__.lower()})" if is_typeddict(hint) else PLAIN.get(hint, str(hint))


def _index(tools: list[Tool]) -> str:
    lines = [
        "# The tools",
        "",
        "Made by `casemate tool reference` from what each tool declares; do not edit.",
        "What a tool is and what happens in a call is in [tools](../../tools.md).",
    ]
    for title, acts in (("Tools that read", False), ("Tools that act", True)):
        rows = [f"| [{t.name}]({t.name}.md) | {t.description} |" for t in tools if t.acts is acts]
        lines += ["", f"## {title}", "", "| tool | what it does |", "|---|---|", *rows]
    return "\n".join([*lines, ""])


def _reading(tool: Tool) -> list[str]:
    given = "; ".join(NEEDS[need] for need in sorted(tool.needs)) or "nothing but its arguments"
    asks = "; ".join(ASKS[ask] for ask in sorted(tool.asks))
    outside = f"may, where `network.yaml` lets it: {asks}" if asks else "nothing"
    lines = [
        "| | |",
        "|---|---|",
        f"| what it says counts as | `{tool.trust.value}` |",
        f"| it is given | {given} |",
        f"| it asks of the network | {outside} |",
        f"| limits of a call | {_limits(tool.limits)} |",
        "",
        *_table("Arguments", arguments_of(tool), "It takes none."),
        *_table("Facts", [(n, t + _missing(o), m) for n, t, o, m in facts_of(tool)], "It declares none."),
    ]
    if more := _more_facts(tool):
        lines += [more, ""]
    return lines + _detail(tool.detail)


def _acting(tool: Tool) -> list[str]:
    aims = f"`{tool.aims_at}`, for limits per target" if tool.aims_at else "nothing"
    proposal = [(name, _schema_words(spec), spec["description"]) for name, spec in PROPOSAL_PROPERTIES.items()]
    return [
        "Calling it records a proposal; policy, and where it asks for them people, decide.",
        "What was approved is carried out by a connector, outside the room.",
        f"It aims at {aims}.",
        "",
        *_table("Arguments", [*arguments_of(tool), *proposal], "It takes none."),
        "`reason` and `evidence` are for whoever decides; what is approved and carried out are the others.",
        "",
    ]


def _table(title: str, rows: list[tuple[str, str, str]], nothing: str) -> list[str]:
    if not rows:
        return [f"## {title}", "", nothing, ""]
    shown = [f"| `{name}` | {type_} | {_cell(meaning)} |" for name, type_, meaning in rows]
    return [f"## {title}", "", "| name | type | meaning |", "|---|---|---|", *shown, ""]


def _detail(detail: type | None) -> list[str]:
    """The keys of the detail, then each kind of object in it."""
    if detail is None:
        return []
    lines = ["## Detail", "", *_object(detail)]
    for inner in _objects(detail):
        lines += [f"### {inner.__name__}", "", *_object(inner)]
    return lines


def _object(kind: type) -> list[str]:
    said = [*(kind.__doc__ or "").split("\n\n")[:1], ""] if kind.__doc__ and kind.__doc__ != dict.__doc__ else []
    optional: frozenset[str] = getattr(kind, "__optional_keys__", frozenset())
    rows = [f"| `{name}` | {words(hint)}{_missing(name in optional)} |" for name, hint in _keys(kind)]
    return [*said, "| key | type |", "|---|---|", *rows, ""]


def _objects(kind: type) -> Iterator[type]:
    """Each kind of object inside, once, in the order in which they are met."""
    seen: dict[type, None] = {}
    waiting = [hint for _, hint in _keys(kind)]
    while waiting:
        hint = waiting.pop(0)
        if is_typeddict(hint) and hint not in seen:
            seen[hint] = None
            waiting += [inner for _, inner in _keys(hint)]
        waiting += get_args(hint)
    yield from seen


def _keys(kind: type | None) -> list[tuple[str, Any]]:
    return list(get_type_hints(kind).items()) if kind is not None else []


def _options(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in {Union, types.UnionType} else (hint,)


def _more_facts(tool: Tool) -> str | None:
    """What a model says of the facts that it does not name."""
    if tool.facts_model is None or tool.facts_model.model_config.get("extra") != "allow":
        return None
    return (tool.facts_model.__doc__ or "It reports further facts.").strip()


def _missing(optional: bool) -> str:
    return ", may be missing" if optional else ""


def _limits(limits: Limits) -> str:
    mib = 1024 * 1024
    return f"{limits.seconds:g} s, {limits.memory // mib} MiB of memory, {limits.output // mib} MiB of answer"


def _schema_words(spec: JsonObject) -> str:
    """A JSON Schema of one argument in words."""
    if "enum" in spec:
        return "one of " + ", ".join(f"`{value}`" for value in spec["enum"])
    if "const" in spec:
        return f"`{spec['const']}`"
    if "anyOf" in spec:
        return " or ".join(_schema_words(option) for option in spec["anyOf"])
    match spec.get("type"):
        case "string":
            return "text" + _range(spec.get("minLength"), spec.get("maxLength"), "characters")
        case "integer":
            return "whole number" + _range(spec.get("minimum"), spec.get("maximum"), "")
        case "number":
            return "number" + _range(spec.get("minimum"), spec.get("maximum"), "")
        case "array":
            return f"list of {_schema_words(spec.get('items', {}))}"
        case "boolean":
            return "true or false"
    return "any"


def _range(least: float | None, most: float | None, unit: str) -> str:
    if most is None:
        return "" if least is None else f", at least {least}" + f" {unit}".rstrip()
    return f", {least or 0} to {most}" + f" {unit}".rstrip()


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
