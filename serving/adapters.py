"""LoRA adapters beside a model, one of them active at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from serving.errors import ModelNotUsable

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
