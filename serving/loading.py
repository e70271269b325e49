"""A model and its tokenizer from a Hugging Face name or a folder, or a sentence that says why that cannot be."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch

from serving.adapters import Adapters
from serving.attention import pack
from serving.errors import ModelNotUsable

__all__ = ["Loaded", "ModelNotUsable", "ModelSpec", "load"]

#: How weights may be kept: bitsandbytes for the integers, transformers' own blocks of eight-bit floats for fp8.
Quantize = Literal["none", "int8", "int4", "fp8"]
#: Types that weights and cache may have.
DTYPES = ("float32", "bfloat16", "float16")
#: The compute capability a card needs for eight-bit floats (Ada and Hopper onwards).
FP8_FROM = (8, 9)
#: Where models made for embeddings say how they make one vector of many (the form of sentence-transformers).
POOLING = "1_Pooling/config.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSpec:
    """Which model to load, and how.

    Attributes:
        model: a name of Hugging Face (`Qwen/Qwen3-8B`) or a folder with `config.json`.
        device: `auto` (the first CUDA card, else the processor), `cpu`, `cuda` or `cuda:1`.
        dtype: `auto` (as stored) or one of `DTYPES`.
        adapters: LoRA adapters by the name that requests call them.
        revision: branch, tag or commit of a Hugging Face name.
    """

    model: str
    device: str = "auto"
    dtype: str = "auto"
    quantize: Quantize = "none"
    adapters: Mapping[str, Path] = field(default_factory=dict)
    revision: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """A model ready to run and what must be known of it.

    Attributes:
        name: what clients call it: the last part of its path.
        context: tokens that prompt and answer may have together.
        vocab_size: columns of the logits; may exceed the tokenizer's tokens.
        stop_token_ids: tokens that end an answer.
        attention: the implementation in use: `packed` or `varlen` of `serving.attention`, else by transformers' name.
        pooling: how embeddings are made of the last hidden states.
        adapters: names of the LoRA adapters that are loaded beside it.
        switch: makes one of them active.
    """

    model: Any
    tokenizer: Any
    name: str
    context: int
    device: torch.device
    dtype: torch.dtype
    vocab_size: int
    stop_token_ids: tuple[int, ...]
    attention: str
    pooling: Literal["mean", "last"]
    adapters: tuple[str, ...]
    switch: Adapters


def load(spec: ModelSpec) -> Loaded:
    """Load what `spec` names.

    Raises:
        ModelNotUsable: no such model, device, type or adapter, or it cannot be quantized so.
    """
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # a server's output is one JSON object a line
    device = _device(spec.device)
    _check_dtype(spec.dtype)
    _check_place(spec.model)
    where: dict[str, Any] = {"revision": spec.revision, "trust_remote_code": False}
    try:
        config = AutoConfig.from_pretrained(spec.model, **where)
        tokenizer = AutoTokenizer.from_pretrained(spec.model, **where)
    except (OSError, ValueError, KeyError) as error:
        raise ModelNotUsable(_not_readable(spec.model, error)) from error
    attention = _attention(device)
    try:
        model = AutoModelForCausalLM.from_pretrained(
            spec.model,
            config=config,
            dtype=spec.dtype,
            device_map={"": device},
            attn_implementation=attention,
            use_safetensors=True,  # the other format is a pickle, which may run code
            quantization_config=_quantization(spec.quantize, config, device),
            **where,
        )
    except torch.OutOfMemoryError as error:
        raise ModelNotUsable(
            f"{spec.model} does not fit into the memory of {device}; quantize it (--quantize)."
        ) from error
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise ModelNotUsable(_not_readable(spec.model, error)) from error
    model.eval()
    text = config.get_text_config()
    stops = _stop_tokens(model, tokenizer)
    if not stops:
        raise ModelNotUsable(f"{spec.model} names no token that ends an answer (eos_token_id in its configuration).")
    return Loaded(
        model=model,
        tokenizer=tokenizer,
        name=Path(spec.model).name,
        context=int(text.max_position_embeddings),
        device=device,
        dtype=model.dtype,
        vocab_size=int(text.vocab_size),
        stop_token_ids=stops,
        attention=pack(model) or model.config._attn_implementation,  # noqa: SLF001  # no public name for it
        pooling=_pooling(spec),
        adapters=tuple(spec.adapters),
        switch=Adapters(model, spec.adapters),
    )


def _device(wanted: str) -> torch.device:
    if wanted == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    if not re.fullmatch(r"cpu|cuda(:\d+)?", wanted):
        raise ModelNotUsable(f"There is no device {wanted!r}; use auto, cpu, cuda or cuda:NUMBER.")
    if wanted == "cpu":
        return torch.device("cpu")
    number = int(wanted.partition(":")[2] or 0)
    if number >= torch.cuda.device_count():
        seen = torch.cuda.device_count()
        raise ModelNotUsable(
            f"Device {wanted} was asked for and torch sees {seen} CUDA cards here; use --device cpu, or install a "
            "torch built for CUDA and give this process the card."
        )
    return torch.device("cuda", number)


def _check_place(model: str) -> None:
    """A path that is no folder would be looked up as a name, and the answer speak of names."""
    folder = Path(model)
    if (folder.is_absolute() or model.startswith(".") or folder.exists()) and not (folder / "config.json").is_file():
        raise ModelNotUsable(f"{model} is not a model's folder: it has no config.json.")


def _check_dtype(dtype: str) -> None:
    if dtype != "auto" and dtype not in DTYPES:
        raise ModelNotUsable(f"There is no type {dtype!r}; use auto, {', '.join(DTYPES)}.")


def _attention(device: torch.device) -> str:
    """FlashAttention where it is installed; nothing is fetched for it."""
    from transformers.utils import is_flash_attn_2_available, is_flash_attn_3_available

    if device.type == "cuda" and is_flash_attn_3_available():
        return "flash_attention_3"
    if device.type == "cuda" and is_flash_attn_2_available():
        return "flash_attention_2"
    return "sdpa"


def _quantization(wanted: Quantize, config: Any, device: torch.device) -> Any:
    if wanted == "none":
        return None
    if getattr(config, "quantization_config", None) is not None:
        raise ModelNotUsable("This model is quantized already; serve it with --quantize none.")
    if wanted == "fp8":
        return _fp8(device)
    from transformers import BitsAndBytesConfig

    if wanted == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16)


def _fp8(device: torch.device) -> Any:
    if device.type != "cuda":
        raise ModelNotUsable("fp8 needs a CUDA card; on the processor use --quantize int8 or int4.")
    capability = torch.cuda.get_device_capability(device)
    if capability < FP8_FROM:
        has = ".".join(str(part) for part in capability)
        raise ModelNotUsable(
            f"fp8 needs a card of compute capability {FP8_FROM[0]}.{FP8_FROM[1]} or newer and this one has {has}; "
            "use --quantize int8 or int4."
        )
    from transformers import FineGrainedFP8Config

    return FineGrainedFP8Config()


def _stop_tokens(model: Any, tokenizer: Any) -> tuple[int, ...]:
    named = model.generation_config.eos_token_id
    found = set(named if isinstance(named, list) else [] if named is None else [named])
    if tokenizer.eos_token_id is not None:
        found.add(tokenizer.eos_token_id)
    return tuple(sorted(found))


def _pooling(spec: ModelSpec) -> Literal["mean", "last"]:
    from transformers.utils import cached_file

    path = cached_file(spec.model, POOLING, revision=spec.revision, _raise_exceptions_for_missing_entries=False)
    if path is None:
        return "mean"
    says = json.loads(Path(path).read_text(encoding="utf-8"))
    return "last" if says.get("pooling_mode_lasttoken") else "mean"


def _not_readable(model: str, error: Exception) -> str:
    first = str(error).strip().partition("\n")[0]
    return f"{model} cannot be loaded ({type(error).__name__}: {first}); give a Hugging Face name or a model's folder."
