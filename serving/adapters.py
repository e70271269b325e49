"""LoRA adapters beside a model, one of them active at a time, and whose requests may run meanwhile."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from serving.asking import Request
from serving.loading import ModelNotUsable

#: Files of an adapter as peft saves it. Its other format is a pickle, which may run code.
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def add_adapters(model: Any, adapters: Mapping[str, Path]) -> None:
    """Load adapters into the model; afterwards the model alone is active.

    Raises:
        ModelNotUsable: a folder holds no LoRA adapter, or not one for this model.
    """
    for name, folder in adapters.items():
        _check(name, folder)
        try:
            model.load_adapter(str(folder), adapter_name=name)
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise ModelNotUsable(f"Adapter {name} does not fit this model; was it trained on it?") from error
    if adapters:
        model.disable_adapters()


def activate(model: Any, name: str | None) -> None:
    """Make this adapter the active one; None: the model alone. Nothing may run on the model meanwhile."""
    if name is None:
        model.disable_adapters()
    else:
        model.enable_adapters()
        model.set_adapter(name)


def _check(name: str, folder: Path) -> None:
    try:
        kind = json.loads((folder / CONFIG).read_text(encoding="utf-8")).get("peft_type")
    except (OSError, ValueError, AttributeError) as error:
        raise ModelNotUsable(f"Adapter {name}: {folder} has no readable {CONFIG}, as peft writes it.") from error
    if kind != "LORA":
        raise ModelNotUsable(f"Adapter {name} is of kind {kind}; only LORA adapters are served.")
    if not (folder / WEIGHTS).is_file():
        raise ModelNotUsable(f"Adapter {name}: {folder} has no {WEIGHTS}; save it with safetensors.")


class Turns:
    """Whose requests may run: those of one adapter at a time, the oldest waiting request deciding which is next.

    A request joins the running ones if its adapter is active and nobody waits. Else it waits. When the last running
    request ended, the oldest waiting one's adapter has its turn, with all requests that wait for it; later ones wait
    for the next turn. So every adapter gets its turn, however busy another one is.
    """

    def __init__(self) -> None:
        self.active: str | None = None
        self._running: dict[str, Request] = {}
        self._waiting: deque[Request] = deque()
        self._held = False

    @property
    def due(self) -> bool:
        """Whether another adapter should become active now."""
        return not self._held and not self._running and bool(self._waiting)

    @property
    def counts(self) -> tuple[int, int]:
        """Requests that run and that wait."""
        return len(self._running), len(self._waiting)

    def arrive(self, request: Request) -> list[Request]:
        """A new request; returns those that shall run now."""
        self._waiting.append(request)
        return self._next()

    def leave(self, request: Request) -> list[Request]:
        """A request that ended or went away; returns those that shall run now."""
        if self._running.pop(request.id, None) is None and request in self._waiting:
            self._waiting.remove(request)
        return self._next()

    def hold(self) -> list[Request]:
        """Let nobody start until `begin`; returns the requests that run, the oldest first."""
        self._held = True
        return list(self._running.values())

    def fall(self, request: Request) -> None:
        """A running request that must start again: it waits, before all that never ran."""
        del self._running[request.id]
        self._waiting.appendleft(request)

    def begin(self) -> list[Request]:
        """The turn of the oldest waiting request's adapter; returns all that wait for it."""
        self._held = False
        if self._waiting and not self._running:
            self.active = self._waiting[0].adapter
        return self._take([request for request in self._waiting if request.adapter == self.active])

    @property
    def upcoming(self) -> str | None:
        """The adapter whose turn `begin` starts."""
        return self._waiting[0].adapter if self._waiting else self.active

    def _next(self) -> list[Request]:
        if self._held:
            return []
        first: list[Request] = []
        for request in self._waiting:
            if request.adapter != self.active:
                break
            first.append(request)
        return self._take(first)

    def _take(self, chosen: list[Request]) -> list[Request]:
        for request in chosen:
            self._waiting.remove(request)
            self._running[request.id] = request
        return chosen


@contextmanager
def model_alone(model: Any, active: str | None) -> Iterator[None]:
    """The model without its adapters, for the length of the block."""
    if active is None:
        yield
        return
    activate(model, None)
    try:
        yield
    finally:
        activate(model, active)
