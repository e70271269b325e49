"""Commands that keep running: gateway, worker, beat, model servers, and all of them together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

serve = typer.Typer(help="Model servers.", no_args_is_help=True, rich_markup_mode=None)

Host = Annotated[str | None, typer.Option(help="Address to listen on; default: CASEMATE_HTTP_HOST.")]
Port = Annotated[int | None, typer.Option(help="Port to listen on; default: CASEMATE_HTTP_PORT.")]


@serve.command()
def playbook(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8621,
    record: Annotated[
        Path | None, typer.Option(help="Append every request body to this file; for audits of what models see.")
    ] = None,
) -> None:
    """The deterministic model that follows playbooks, behind the OpenAI protocol."""
    from cli.up import check_free
    from core.process import settle
    from serving.playbook import serve as run

    check_free(host, port)
    settle("warning")
    run(host=host, port=port, record=record)


def gateway(host: Host = None, port: Port = None) -> None:
    """The HTTP API."""
    from cli.context import read_settings
    from cli.up import check_free
    from gateway.serve import run

    settings = read_settings()
    changes = {"http_host": host, "http_port": port}
    settings = settings.model_copy(update={name: value for name, value in changes.items() if value is not None})
    check_free(settings.http_host, settings.http_port)
    run(settings)


def worker(
    only: Annotated[
        str | None, typer.Option(help="Take only hand-ins (intake) or only steps (work); default: both.")
    ] = None,
) -> None:
    """One worker process; start as many as you like."""
    from cli.context import read_settings
    from workers.app import QUEUES
    from workers.lifecycle import run_worker

    if only is not None and only not in QUEUES:
        raise typer.BadParameter(f"say one of {', '.join(QUEUES)}", param_hint="--only")
    run_worker(read_settings(), queues=tuple(QUEUES.values()) if only is None else (QUEUES[only],))


def beat() -> None:
    """The clock that rings for tickets nobody works on; one is enough."""
    from cli.context import read_settings
    from workers.lifecycle import run_beat

    run_beat(read_settings())


def broker() -> None:
    """The network broker: asks outside for tools, what policy lets them ask."""
    from cli.context import read_settings
    from workers.network import run_broker

    run_broker(read_settings())


def up() -> None:
    """Gateway, worker, beat, network broker and model server on this machine, until Ctrl-C."""
    from cli.context import read_settings
    from cli.up import run

    run(read_settings())
