"""The `casemate` command. Each subcommand loads what it needs when it runs, so that `--help` answers at once."""

from __future__ import annotations

import sys

import typer

from cli import (
    approvals,
    connector,
    effect,
    key,
    mask,
    mcp,
    model,
    operate,
    policy,
    rules,
    sandbox,
    serve,
    ticket,
    tool,
    user,
    vault,
)
from cli.demo_command import demo
from cli.output import complain

app = typer.Typer(
    name="casemate",
    help="Agent teams triage security tickets: masked data, sandboxed tools, actions only with approval.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command()(demo)
app.command()(serve.up)
app.add_typer(user.app, name="user")
app.add_typer(key.app, name="key")
app.add_typer(ticket.app, name="ticket")
app.add_typer(approvals.app, name="approvals")
app.add_typer(effect.app, name="effect")
app.add_typer(policy.app, name="policy")
app.add_typer(tool.app, name="tool")
app.add_typer(mcp.app, name="mcp")
app.add_typer(model.app, name="model")
app.add_typer(connector.app, name="connector")
app.command()(mask.mask)
app.add_typer(vault.app, name="vault")
app.add_typer(operate.intel, name="intel")
app.add_typer(rules.app, name="rules")
app.add_typer(operate.audit, name="audit")
app.command()(operate.doctor)
app.add_typer(sandbox.app, name="sandbox")
app.command()(operate.halt)
app.command()(operate.resume)
app.command()(serve.serve)
app.command()(serve.gateway)
app.command()(serve.worker)
app.command()(serve.beat)
app.command()(serve.broker)
app.command(
    "eval", context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
)(operate.evaluate)


def run() -> None:
    """Exit 0 when done, 1 when refused or failed, 2 when asked wrongly; errors are one sentence on stderr."""
    from core.errors import CasemateError

    try:
        app()
    except CasemateError as error:
        for line in str(error).splitlines():
            complain(line)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - the outermost handler; a trace could quote a ticket
        complain(f"Casemate broke with {type(error).__name__} at {_place(error)}; please report this.")
        sys.exit(1)


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rsplit('/', 2)[-1]}:{trace.tb_lineno}" if trace else "an unknown place"
