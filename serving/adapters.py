"""LoRA adapters beside a model, one of them active at a time."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from serving.errors import ModelNotUsable

#: Files of an adapter as peft saves it. Its other format is a pickle, which may run code.
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


class Adapters:
    """The adapters of one model; afterwards the model alone is active."""

    def __init__(self, model: Any, folders: Mapping[str, Path]) -> None:
        """Load them into the model.

        Raises:
            ModelNotUsable: a folder holds no LoRA adapter, or not one for this model.
        """
        self.active: str | None = None
        self._wrapped: Any = None
        self._inner: dict[str, str] = {}
        for name, folder in folders.items():
            _check(name, folder)
            try:
                self._add(model, name, folder)
            except (OSError, ValueError, RuntimeError, KeyError) as error:
                raise ModelNotUsable(f"Adapter {name} does not fit this model; was it trained on it?") from error
        if self._wrapped is not None:
            self._wrapped.base_model.disable_adapter_layers()

    def activate(self, name: str | None) -> None:
        """Make this adapter the active one; None: the model alone. Nothing may run on the model meanwhile."""
        if name == self.active:
            return
        if name is None:
            self._wrapped.base_model.disable_adapter_layers()
        else:
            self._wrapped.base_model.enable_adapter_layers()
            self._wrapped.set_adapter(self._inner[name])
        self.active = name

    @contextmanager
    def aside(self) -> Iterator[None]:
        """The model alone, for the length of the block."""
        active = self.active
        self.activate(None)
        try:
            yield
        finally:
            self.activate(active)

    def _add(self, model: Any, name: str, folder: Path) -> None:
        """Put the adapter's layers into the model itself; peft's wrapper only fills and switches them.

        peft takes no dots in a name and none that is part of its own prefix, so it gets names of ours.
        """
        from peft import PeftConfig, PeftModel

        inner = f"served{len(self._inner)}"
        with warnings.catch_warnings():
            # peft 0.21 asks transformers 5.23 for an attribute by its old name.
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
            if self._wrapped is None:
                config = PeftConfig.from_pretrained(str(folder))
                self._wrapped = PeftModel(model, config, adapter_name=inner, autocast_adapter_dtype=False)
            found = self._wrapped.load_adapter(
                str(folder), adapter_name=inner, is_trainable=False, autocast_adapter_dtype=False
            )
        if found.missing_keys or found.unexpected_keys:
            raise ValueError("weights do not meet layers")
        self._inner[name] = inner


def _check(name: str, folder: Path) -> None:
    try:
        kind = json.loads((folder / CONFIG).read_text(encoding="utf-8")).get("peft_type")
    except (OSError, ValueError, AttributeError) as error:
        raise ModelNotUsable(f"Adapter {name}: {folder} has no readable {CONFIG}, as peft writes it.") from error
    if kind != "LORA":
        raise ModelNotUsable(f"Adapter {name} is of kind {kind}; only LORA adapters are served.")
    if not (folder / WEIGHTS).is_file():
        raise ModelNotUsable(f"Adapter {name}: {folder} has no {WEIGHTS}; save it with safetensors.")
