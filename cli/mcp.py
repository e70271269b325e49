"""`casemate mcp`: tools of MCP servers, each let in by a person; and casemate itself as an MCP server."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import AsJson, print_json, print_table, say

if TYPE_CHECKING:
    from core.canonical import JsonObject
    from core.mcp import McpServer, PinnedTool
    from core.settings import Settings
    from core.store.engine import Store
    from tools.mcp.caller import McpCaller

app = typer.Typer(help="MCP servers, both ways.", no_args_is_help=True, rich_markup_mode=None)

ServerName = Annotated[str, typer.Argument(help="Name of the server, as `casemate mcp list` shows it.")]
ToolName = Annotated[str, typer.Argument(help="Name of the tool here: SERVER__TOOL.")]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Short name: lower case letters and digits; it begins its tools' names.")],
    command: Annotated[
        list[str] | None, typer.Argument(help="Program and arguments of a server over standard input, after `--`.")
    ] = None,
    url: Annotated[str, typer.Option(help="Address of a server over streamable HTTP.")] = "",
    header: Annotated[
        list[str] | None, typer.Option(help="NAME: VALUE of every request; secrets as ${secret:name}; repeatable.")
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="The server lies in a network of our own.")] = False,
    show: Annotated[
        list[Path] | None, typer.Option(help="File or folder that the server's sandbox shows, read-only; repeatable.")
    ] = None,
    seconds: Annotated[float, typer.Option(help="Seconds one call may take.", min=1, max=600)] = 30.0,
    memory: Annotated[int, typer.Option(help="MiB of address space of each of its processes.", min=64)] = 2048,
    as_json: AsJson = False,
) -> None:
    """Add a server and list its tools. All of them are in quarantine until they are accepted."""
    from cli.context import open_store, person, read_settings
    from core.mcp import McpServer
    from tools.mcp.adding import added

    if bool(command) == bool(url):
        raise typer.BadParameter("say either NAME -- PROGRAM … or NAME --url URL")
    settings = read_settings()
    server = McpServer(
        name=name,
        transport="stdio" if command else "http",
        command=tuple(command or ()),
        shows=tuple(map(str, show or ())),
        memory=memory * 1024**2,
        url=url,
        headers=dict(map(_header, header or ())),
        private=private,
        seconds=seconds,
        added_by=f"user:{person()}",
    )
    with open_store(settings, migrate=True) as store:
        asyncio.run(added(_caller(settings, store), server, home=settings.folder))
    _print_server(settings, name, as_json=as_json)


@app.command("list")
def listing(as_json: AsJson = False) -> None:
    """List the servers, and how many of their tools may be called."""
    from cli.context import open_store, read_settings

    with open_store(read_settings()) as store, store.read() as tx:
        servers = [
            {**_server_json(server), "tools": len(tools), "accepted": sum(tool.callable for tool in tools)}
            for server in tx.mcp.servers()
            for tools in (tx.mcp.tools(server.name),)
        ]
    if as_json:
        print_json({"servers": servers})
        return
    if not servers:
        say("No MCP server was added; `casemate mcp add` does.")
        return
    rows = (
        (s["name"], "on" if s["on"] else "quarantined", s["reach"], f"{s['accepted']} of {s['tools']}", s["added_by"])
        for s in servers
    )
    print_table(("server", "state", "reached by", "accepted tools", "added by"), rows)


@app.command()
def show(server: ServerName, as_json: AsJson = False) -> None:
    """Show a server's tools: what each says of itself, its pin, and why it may not be called."""
    from cli.context import read_settings

    _print_server(read_settings(), server, as_json=as_json)


@app.command()
def look(server: ServerName, as_json: AsJson = False) -> None:
    """List a server's tools anew; what is new or changed goes into quarantine."""
    from cli.context import open_store, person, read_settings

    settings = read_settings()
    with open_store(settings) as store:
        with store.read() as tx:
            found = tx.mcp.server(server)
        asyncio.run(_caller(settings, store).look(found, actor=f"user:{person()}"))
    _print_server(settings, server, as_json=as_json)


@app.command()
def accept(
    tool: ToolName,
    reads: Annotated[
        bool, typer.Option("--reads", help="It changes nothing; only for a tool that says so itself.")
    ] = False,
    team: Annotated[list[str] | None, typer.Option(help="A team that gets it; repeatable; default: all.")] = None,
    probe: Annotated[
        str, typer.Option(help="For an action: TOOL KEY VALUE; that reading tool's answer has VALUE at KEY when done.")
    ] = "",
    pin: Annotated[str, typer.Option(help="First 12 characters of the pin that `mcp show` printed.")] = "",
    as_json: AsJson = False,
) -> None:
    """Accept exactly what a tool is now. Calls of it are actions that policy and people decide on, unless --reads."""
    from cli.context import open_store, person, read_settings
    from core.audit import AuditEvent
    from tools.mcp.adding import acceptance

    with open_store(read_settings()) as store:
        with store.read() as tx:
            kept = tx.mcp.tool(tool)
        _confirm(kept, pin)
        said = acceptance(store, kept, reads=reads, teams=team or [], probe=probe)
        data: JsonObject = {"tool": tool, "pin": kept.seen.hash, "acts": said.acts, "teams": list(said.teams)}
        with store.begin() as tx:
            tx.mcp.accept(
                tool, kept.seen.hash, said, AuditEvent(action="mcp.accepted", actor=f"user:{person()}", data=data)
            )
            after = tx.mcp.tool(tool)
    if as_json:
        print_json(_tool_json(after))
        return
    say(f"{tool} is accepted and {'acts' if said.acts else 'reads'}; it is denied until a rule of the policy names it.")


@app.command()
def quarantine(
    name: Annotated[str, typer.Argument(help="SERVER__TOOL, or SERVER for all of its tools.")],
    lift: Annotated[bool, typer.Option("--lift", help="Let a server in again; its tools are as they were.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take a tool, or a whole server, back. Calls are refused from now on."""
    from cli.context import open_store, person, read_settings
    from core.audit import AuditEvent
    from core.mcp import is_external

    if lift and is_external(name):
        raise typer.BadParameter("a tool is let in by `casemate mcp accept`", param_hint="--lift")
    action = "mcp.lifted" if lift else "mcp.quarantined"
    event = AuditEvent(action=action, actor=f"user:{person()}", data={"name": name})
    with open_store(read_settings()) as store, store.begin() as tx:
        if is_external(name):
            tx.mcp.quarantine(name, event)
        else:
            tx.mcp.switch(name, on=lift, audit=event)
    if as_json:
        print_json({"name": name, "quarantined": not lift})
    else:
        say(f"{name} may be called as before." if lift else f"{name} is in quarantine.")


@app.command()
def remove(server: ServerName, as_json: AsJson = False) -> None:
    """Forget a server and its tools. What was sent to it stays on record."""
    from cli.context import open_store, person, read_settings
    from core.audit import AuditEvent

    event = AuditEvent(action="mcp.removed", actor=f"user:{person()}", data={"name": server})
    with open_store(read_settings()) as store, store.begin() as tx:
        tx.mcp.remove(server, event)
    if as_json:
        print_json({"removed": server})
    else:
        say(f"{server} is removed.")


@app.command()
def serve(
    http: Annotated[bool, typer.Option("--http", help="Over HTTP, for the keys of CASEMATE_API_KEYS.")] = False,
    host: Annotated[str, typer.Option(help="With --http: address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="With --http: port to listen on.")] = 8622,
    role: Annotated[
        list[str] | None, typer.Option("--role", help="Over standard input: a role you hold; default: analyst.")
    ] = None,
) -> None:
    """Offer cases, reading tools and proposals to an MCP client. Never approvals."""
    from cli.context import person, read_settings, ringer
    from cli.up import check_free
    from core.process import settle
    from gateway import mcp_server
    from workers.wiring import open_services

    settings = read_settings()
    if http:
        check_free(host, port)
        settle(settings.log_level)
    services = open_services(settings, ring=ringer(settings))
    try:
        if http:
            mcp_server.serve_http(services, settings.api_keys, host=host, port=port)
        else:
            mcp_server.serve_stdio(services, person=person(), roles=role or ["analyst"])
    finally:
        services.close()


def _caller(settings: Settings, store: Store) -> McpCaller:
    from core.secret_store import SecretStore
    from tools.mcp.caller import McpCaller
    from tools.mcp.session import Reach

    return McpCaller(store=store, reach=Reach(secrets=SecretStore(settings.secrets_folder), bwrap=settings.bwrap))


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or not value.strip():
        raise typer.BadParameter("a header is NAME: VALUE", param_hint="--header")
    return name.strip(), value.strip()


def _confirm(kept: PinnedTool, pin: str) -> None:
    """Make sure that what is accepted is what was looked at."""
    from cli.approvals import SHORTEST_DIGEST

    if pin:
        if len(pin) < SHORTEST_DIGEST or not kept.seen.hash.startswith(pin):
            raise typer.BadParameter(
                f"{kept.name} has another pin by now; run `casemate mcp show {kept.server}`", param_hint="--pin"
            )
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise typer.BadParameter("give the pin that `casemate mcp show` printed", param_hint="--pin")
    _print_tool(kept)
    typer.confirm("Accept exactly this?", abort=True)


def _print_server(settings: Settings, name: str, *, as_json: bool) -> None:
    from cli.context import open_store

    with open_store(settings) as store, store.read() as tx:
        server, tools = tx.mcp.server(name), tx.mcp.tools(name)
    if as_json:
        print_json({**_server_json(server), "tools": [_tool_json(tool) for tool in tools]})
        return
    say(f"{server.name}: {_reach(server)}{'' if server.on else ' (quarantined)'}")
    for tool in tools:
        say("")
        _print_tool(tool)


def _print_tool(tool: PinnedTool) -> None:
    from tools.mcp.adding import difference

    state = _state(tool)
    say(f"{tool.name}  {state}")
    say(f"  pin {tool.seen.hash}")
    say(f"  says it {'changes nothing' if tool.seen.read_only else 'may change something'}")
    if tool.seen.problem is not None:
        say(f"  cannot be accepted: {tool.seen.problem}")
    for line in difference(tool):
        say(f"  {line}")


def _state(tool: PinnedTool) -> str:
    if not tool.listed:
        return "not listed by its server any more"
    if tool.callable and tool.acceptance is not None:
        return f"accepted, {'acts' if tool.acceptance.acts else 'reads'}, by {tool.accepted_by}"
    return f"quarantined ({tool.why or 'its server changed it'})"


def _reach(server: McpServer) -> str:
    return " ".join(server.command) if server.transport == "stdio" else server.url


def _server_json(server: McpServer) -> JsonObject:
    return {"name": server.name, "on": server.on, "added_by": server.added_by, "reach": _reach(server),
            **server.config()}  # fmt: skip


def _tool_json(tool: PinnedTool) -> JsonObject:
    return {
        "name": tool.name,
        "state": tool.state.value,
        "why": tool.why,
        "listed": tool.listed,
        "callable": tool.callable,
        "pin": tool.seen.hash,
        "seen": tool.seen.as_json(),
        "accepted": tool.accepted.as_json() if tool.accepted else None,
        "acts": tool.acceptance.acts if tool.acceptance else None,
        "teams": list(tool.acceptance.teams) if tool.acceptance else [],
        "accepted_by": tool.accepted_by,
    }
