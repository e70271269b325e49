"""Commands that keep running: gateway, worker, beat, model servers, and all of them together."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from core.errors import CasemateError

Host = Annotated[str | None, typer.Option(help="Address to listen on; default: CASEMATE_HTTP_HOST.")]
Port = Annotated[int | None, typer.Option(help="Port to listen on; default: CASEMATE_HTTP_PORT.")]


#: The model that is no language model: it follows the playbooks.
PLAYBOOK = "playbook"
#: Looks of a thread of torch's for others before it sleeps (GNU OpenMP); about a tenth of a millisecond.
SPINS = "50000"
#: Options of `serve` that the playbook model has.
OF_PLAYBOOK = frozenset({"model", "host", "port", "record"})


class Quantize(StrEnum):
    """How weights are kept."""

    NONE = "none"  # as they are stored
    INT8 = "int8"  # bitsandbytes, half of bf16
    INT4 = "int4"  # bitsandbytes, a quarter
    FP8 = "fp8"  # on cards that compute with it


class NotInstalled(CasemateError):
    """A part of casemate that was left out when it was installed."""


def serve(
    ctx: typer.Context,
    model: Annotated[
        str, typer.Argument(help="Hugging Face name or folder of a model; `playbook` is the deterministic one.")
    ],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8621,
    name: Annotated[str | None, typer.Option(help="What clients call the model; default: the end of its path.")] = None,
    api_key_file: Annotated[
        Path | None, typer.Option(help="File of API keys, one a line; without it everybody may ask.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1; auto takes a card if there is one.")] = "auto",
    dtype: Annotated[str, typer.Option(help="auto, bfloat16, float16 or float32; auto: as stored.")] = "auto",
    quantize: Annotated[Quantize, typer.Option(help="Keep the weights in fewer bits.")] = Quantize.NONE,
    adapter: Annotated[
        list[str] | None, typer.Option(metavar="NAME=PATH", help="Folder of a LoRA adapter, and its name; repeatable.")
    ] = None,
    context: Annotated[
        int | None, typer.Option(min=1, help="Tokens of prompt and answer together; default: the model's.")
    ] = None,
    max_concurrency: Annotated[int, typer.Option(min=1, help="Requests that run at once.")] = 32,
    max_queue: Annotated[int, typer.Option(min=0, help="Requests that may wait; more are sent away with 429.")] = 128,
    max_answer_tokens: Annotated[
        int, typer.Option(min=1, help="Tokens of an answer whose request names no number.")
    ] = 4096,
    temperature: Annotated[
        float, typer.Option(min=0, max=2, help="Temperature of an answer whose request names none; 0 is greedy.")
    ] = 0.0,
    prefix_sharing: Annotated[
        bool, typer.Option(help="Compute equal beginnings of prompts once; without it only to measure what it saves.")
    ] = True,
    record: Annotated[
        Path | None,
        typer.Option(help="Of `playbook`: append every request body to this file; for audits of what models see."),
    ] = None,
) -> None:
    """A model behind the OpenAI protocol: `playbook`, or one of your own whose answers keep the shape asked for."""
    from cli.up import check_free

    if model == PLAYBOOK:
        _check_options(ctx)
        check_free(host, port)
        _serve_playbook(host, port, record)
        return
    if record is not None:
        raise typer.BadParameter("only `playbook` records", param_hint="--record")
    adapters = dict(_adapter(given) for given in adapter or ())
    if len(adapters) < len(adapter or ()):
        raise typer.BadParameter("two adapters have the same name", param_hint="--adapter")
    check_free(host, port)
    # Threads that wait for each other in a loop take the cores from everybody else, and those that sleep at once come
    # too late to steps of two milliseconds. So they look a while and then sleep; it is read once, with torch.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    try:
        from serving.engine import EngineConfig
        from serving.loading import ModelSpec
        from serving.server import ServerConfig
        from serving.server import serve as run
    except ModuleNotFoundError as error:
        raise NotInstalled(f"`{error.name}` is missing; run: pip install 'casemate[serving]'.") from None
    run(
        ModelSpec(model=model, device=device, dtype=dtype, quantize=quantize.value, adapters=adapters),
        EngineConfig(max_concurrency=max_concurrency, prefix_sharing=prefix_sharing),
        ServerConfig(
            host=host,
            port=port,
            max_queue=max_queue,
            max_answer=max_answer_tokens,
            temperature=temperature,
            api_key_file=api_key_file,
            name=name,
            context=context,
        ),
    )


def _serve_playbook(host: str, port: int, record: Path | None) -> None:
    from core.process import settle
    from serving.playbook import serve as run

    settle("warning")
    run(host=host, port=port, record=record)


def _check_options(ctx: typer.Context) -> None:
    """Raises:
    BadParameter: an option was given that means nothing to the playbook model.
    """
    for name in ctx.params.keys() - OF_PLAYBOOK:
        source = ctx.get_parameter_source(name)
        if source is not None and source.name != "DEFAULT":
            raise typer.BadParameter("`playbook` has no such option", param_hint=f"--{name.replace('_', '-')}")


def _adapter(given: str) -> tuple[str, Path]:
    name, _, path = given.partition("=")
    if not name or not path:
        raise typer.BadParameter("say NAME=PATH", param_hint="--adapter")
    return name, Path(path)


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
