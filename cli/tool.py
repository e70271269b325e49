"""`casemate tool`: the tools, what each takes and reports, one call of one, and the beginnings of a new one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import tool_new, tool_run
from cli.output import AsJson, complain, print_json, print_table, say

if TYPE_CHECKING:
    from tools.registry import Tool

app = typer.Typer(help="The tools that teams have.", no_args_is_help=True, rich_markup_mode=None)

app.command()(tool_run.run)
app.command()(tool_new.new)

#: Where the reference lies in a checkout.
REFERENCE = Path("docs/reference/tools")


@app.command("list")
def listing(
    reads: Annotated[bool, typer.Option("--reads", help="Only tools that read.")] = False,
    acts: Annotated[bool, typer.Option("--acts", help="Only tools that act.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the tools: whether they read or act, and what they do."""
    from tools.reference import described
    from tools.registry import default_registry

    registry = default_registry()
    tools = [registry.get(name) for name in sorted(registry.names())]
    shown = [tool for tool in tools if not (reads and tool.acts) and not (acts and not tool.acts)]
    if as_json:
        print_json({"tools": [described(tool) for tool in shown]})
        return
    print_table(("tool", "", "what it does"), ((t.name, "acts" if t.acts else "reads", t.description) for t in shown))


@app.command()
def show(name: Annotated[str, typer.Argument(help="Name of the tool.")], as_json: AsJson = False) -> None:
    """Show what one tool takes, reports, is given and may use."""
    from tools.reference import described
    from tools.registry import default_registry

    tool = default_registry().get(name)
    if as_json:
        print_json(described(tool))
        return
    _print_tool(tool)


@app.command()
def reference(
    folder: Annotated[Path, typer.Argument(help="Folder of the pages.", file_okay=False)] = REFERENCE,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; end with 1 when a page is stale.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the tool reference: one page a tool, made from what it declares."""
    from tools.reference import pages
    from tools.registry import default_registry

    made = pages(default_registry())
    try:
        there = {file.name: file.read_text(encoding="utf-8") for file in folder.glob("*.md")}
        stale = sorted({name for name, text in made.items() if there.get(name) != text} | (there.keys() - made.keys()))
        if not check:
            _write(folder, made, stale)
    except OSError as error:
        complain(f"{folder} cannot be read or written ({error.strerror}); choose another folder.")
        raise typer.Exit(1) from None
    if as_json:
        print_json({"ok": not (check and stale), "pages": len(made), "stale" if check else "written": stale})
    elif check and stale:
        complain(f"Stale: {', '.join(stale)}; run `casemate tool reference` and commit what it writes.")
    else:
        say(f"{len(made)} pages, {len(stale)} of them {'stale' if check else 'written anew'}.")
    if check and stale:
        raise typer.Exit(1)


def _write(folder: Path, made: dict[str, str], stale: list[str]) -> None:
    """Pages of tools that are gone go too."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in stale:
        if name in made:
            (folder / name).write_text(made[name], encoding="utf-8")
        else:
            (folder / name).unlink()


def _print_tool(tool: Tool) -> None:
    from tools.reference import ASKS, NEEDS, arguments_of, facts_of

    say(tool.description)
    if tool.acts:
        say("It acts: a call records a proposal, and policy and people decide.")
    else:
        say(f"What it says counts as {tool.trust.value}. It may use {tool.limits.seconds:g} seconds.")
        say(f"It is given {'; '.join(NEEDS[need] for need in sorted(tool.needs)) or 'nothing but its arguments'}.")
    if tool.asks:
        say(f"Where policy lets it, it may {'; '.join(ASKS[ask] for ask in sorted(tool.asks))}.")
    print()
    print_table(("argument", "type", "meaning"), arguments_of(tool))
    if tool.facts:
        print()
        rows = (
            (name, kind + (", may be missing" if optional else ""), why) for name, kind, optional, why in facts_of(tool)
        )
        print_table(("fact", "type", "meaning"), rows)
