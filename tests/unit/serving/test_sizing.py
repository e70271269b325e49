"""The cache is as large as the memory allows, and a container's limit counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil
import pytest

from serving import sizing
from serving.engine import Engine, EngineConfig
from serving.errors import ModelNotUsable
from serving.sizing import MACHINE_BATCH, MACHINE_CACHE, MASKED_CACHE, PAGE, bytes_of_token, choose_size, free_memory
from tests.unit.serving.engines import load_tiny, shapes_of

CHOSEN_HERE: dict[str, Any] = {
    "page_tokens": None,
    "cache_tokens": None,
    "batch_tokens": None,
    "memory_share": None,
}


def test_a_token_takes_keys_and_values_of_every_layer(tiny_model: Path) -> None:
    """2 layers, keys and values, 2 heads of 16 numbers of 4 bytes."""
    assert bytes_of_token(load_tiny(tiny_model).model) == 2 * 2 * 2 * 16 * 4


def test_the_processor_gets_a_cache_that_memory_allows(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_tiny(tiny_model).model
    asked: dict[str, Any] = {"on_card": False, "flash": False, "context": 1000, "requests": 8, **CHOSEN_HERE}
    size = choose_size(model, masked=False, **asked)
    assert (size.page_tokens, size.pages, size.batch_tokens) == (PAGE, MACHINE_CACHE // PAGE, MACHINE_BATCH)
    asked["masked"] = True
    assert choose_size(model, **asked).pages == MASKED_CACHE // PAGE
    bytes_each = 512 + MACHINE_BATCH * 4
    monkeypatch.setattr(sizing, "free_memory", lambda: 10 * PAGE * bytes_each)
    assert choose_size(model, **{**asked, "memory_share": 0.5}).pages == 5
    assert choose_size(model, **{**asked, "cache_tokens": 100}).pages == 4


def test_a_card_is_sized_by_transformers(tiny_model: Path) -> None:
    model = load_tiny(tiny_model).model
    asked: dict[str, Any] = {"on_card": True, "masked": False, "context": 1000, "requests": 8, **CHOSEN_HERE}
    assert choose_size(model, flash=True, **asked).page_tokens == 256
    size = choose_size(model, flash=False, **asked)
    assert (size.page_tokens, size.pages) == (PAGE, None)


def test_a_containers_limit_is_the_memory_there_is(tmp_path: Path) -> None:
    machine = psutil.virtual_memory().total
    (tmp_path / "memory.current").write_text("600\n")
    (tmp_path / "memory.max").write_text("1000\n")
    assert free_memory(tmp_path) == 400
    (tmp_path / "memory.max").write_text("max\n")
    assert 1000 < free_memory(tmp_path) <= machine
    assert 1000 < free_memory(tmp_path / "none") <= machine


def test_a_cache_larger_than_the_machine_is_refused(tiny_model: Path) -> None:
    loaded = load_tiny(tiny_model)
    engine = Engine(loaded, EngineConfig(cache_tokens=10**12), shapes_of(loaded))
    with pytest.raises(ModelNotUsable, match="Memory footprint"):
        engine.start()
