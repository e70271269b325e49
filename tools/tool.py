"""How a reading tool is declared: one file, one function called `run`, one decorator.

    class Arguments(ToolArguments):
        host: Annotated[Name, Field(description="Host name of one of our machines.")]

    class Facts(ToolFacts):
        known: Annotated[bool, Field(description="The inventory has this host.")]

    class Detail(TypedDict):
        owner: str

    @tool("Look a host up in our inventory.", arguments=Arguments, facts=Facts, detail=Detail, needs=["asset"])
    def run(arguments: Object, inputs: Object) -> Object:
        ...

The file is read twice: outside, for what a model and policy are told of the tool, and inside the sandbox, where it
runs. So it imports at its top only what is in the sandbox: the standard library, pydantic, `tools.tool`,
`tools.arguments`, `tools.limits`, `tools.outside` and `tools.investigate`; heavy libraries are imported inside the
function that needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from tools.limits import Limits

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
    "score",  # the EPSS score of the CVE the arguments name
    "yara_rules",  # all YARA rules, compiled
    "sigma_rules",  # all Sigma rules as plain data
    "history",  # earlier tickets that share indicators with this one
    "masked_ticket",  # title, body, fields, reporter as models see them
    "masked_files",  # name, size and text of each attachment as models would see them
]
#: Needs that are the same for every ticket; the runner hands them in.
RULES: frozenset[Need] = frozenset({"yara_rules", "sigma_rules"})
#: Needs that hold tokens in place of originals. In the arguments of a tool with such a need, tokens stay tokens.
MASKED: frozenset[Need] = frozenset({"masked_ticket", "masked_files"})
#: What a tool may ask of the network broker (`tools/broker/`); policy says of whom.
Ask = Literal["http_get", "dns", "whois", "vendor"]
Object: TypeAlias = dict[str, Any]
Run: TypeAlias = Callable[[Object, Object], Object]
#: Where a function keeps what was declared of it.
MARK = "__casemate_tool__"


class ToolArguments(BaseModel):
    """What every argument model is: strict, closed and frozen. Every argument is mandatory."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ToolFacts(BaseModel):
    """What every model of facts is: flat, strict, closed. A fact that may be missing is `X | None = None`."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Declared:
    """What the decorator was told."""

    name: str
    description: str
    #: `tools.investigate.read_email:run`.
    entry: str
    arguments: type[ToolArguments]
    facts: type[ToolFacts]
    #: A TypedDict; its keys and their types are what the reference shows of the detail.
    detail: type
    needs: frozenset[Need]
    asks: frozenset[Ask]
    trust: Literal["internal", "untrusted"]
    limits: Limits
    #: Heavy modules that `run` imports itself; loaded once, before any call.
    imports: tuple[str, ...]


def tool(
    description: str,
    *,
    arguments: type[ToolArguments],
    facts: type[ToolFacts],
    detail: type,
    needs: Iterable[Need] = (),
    asks: Iterable[Ask] = (),
    trust: Literal["internal", "untrusted"] = "untrusted",
    limits: Limits = Limits(),
    imports: Iterable[str] = (),
) -> Callable[[Run], Run]:
    """Declare a reading tool, named after its file.

    Args:
        description: one sentence for models and people.
        needs: inputs that are looked up outside and handed in with the call.
        asks: kinds of request it may put to the network broker.
        trust: `internal` only for records of our own that no outsider can write to.
        imports: heavy modules that `run` imports itself; the sandbox loads them once, before any call.
    """

    def declare(run: Run) -> Run:
        declared = Declared(
            name=run.__module__.rpartition(".")[2],
            description=description,
            entry=f"{run.__module__}:{run.__name__}",
            arguments=arguments,
            facts=facts,
            detail=detail,
            needs=frozenset(needs),
            asks=frozenset(asks),
            trust=trust,
            limits=limits,
            imports=tuple(imports),
        )
        setattr(run, MARK, declared)
        return run

    return declare


def declared_by(module: object) -> Declared | None:
    """What the tool in a module declares; None for a module that is no tool."""
    found = getattr(getattr(module, "run", None), MARK, None)
    return found if isinstance(found, Declared) else None
