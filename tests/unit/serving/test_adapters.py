"""LoRA adapters give what peft gives with them, also when requests of several are interleaved."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from serving.engine import Ask, Engine
from serving.errors import ModelNotUsable
from serving.loading import Loaded
from tests.unit.serving.engines import (
    PATIENCE,
    answer_of,
    load_tiny,
    next_logits,
    plain_answer,
    prompt_of,
    running,
    steps_of,
)

# peft 0.21 asks transformers 5.23 for an attribute by its old name.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")

NAMES = ("phishing", "endpoint")


@pytest.fixture(scope="module")
def folders(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two adapters with random weights, strong enough to change every answer."""
    made = {}
    for seed, name in enumerate(NAMES):
        torch.manual_seed(seed)
        config = LoraConfig(r=4, lora_alpha=32, target_modules=["q_proj", "v_proj", "up_proj"], init_lora_weights=False)
        made[name] = tmp_path_factory.mktemp("adapters") / name
        get_peft_model(AutoModelForCausalLM.from_pretrained(tiny_model), config).save_pretrained(made[name])
    return made


@pytest.fixture(scope="module")
def loaded(tiny_model: Path, folders: dict[str, Path]) -> Loaded:
    return load_tiny(tiny_model, adapters=folders)


@pytest.fixture(scope="module")
def engine(loaded: Loaded) -> Iterator[Engine]:
    with running(loaded) as engine:
        yield engine


@pytest.fixture(scope="module")
def plain(tiny_model: Path, folders: dict[str, Path]) -> dict[str | None, Any]:
    """The same models as peft makes them."""
    models: dict[str | None, Any] = {None: AutoModelForCausalLM.from_pretrained(tiny_model)}
    for name, folder in folders.items():
        base = AutoModelForCausalLM.from_pretrained(tiny_model)
        models[name] = PeftModel.from_pretrained(base, folder).eval()
    return models


async def test_interleaved_requests_get_their_own_adapters_answers(
    loaded: Loaded, engine: Engine, plain: dict[str | None, Any]
) -> None:
    """Equal prompts for all three, so that a page of the wrong adapter in the cache would show."""
    wanted = [(prompt_of(loaded, number, words=20), name) for number in range(4) for name in (None, *NAMES)]
    answers = await asyncio.gather(*(answer_of(engine, prompt, 12, adapter=name) for prompt, name in wanted))
    assert len({tuple(answer) for answer in answers[:3]}) == 3
    for (prompt, name), answer in zip(wanted, answers, strict=True):
        assert answer == plain_answer(plain[name], prompt, 12, loaded.stop_token_ids)


async def test_a_request_cancelled_before_a_switch_leaves_no_page_to_the_next_adapter(
    loaded: Loaded, engine: Engine, plain: dict[str | None, Any]
) -> None:
    prompt = prompt_of(loaded, 50, words=30)
    steps = engine.generate(Ask(prompt=prompt, max_new_tokens=7000, adapter=NAMES[0]))
    await anext(steps)
    other = asyncio.create_task(answer_of(engine, prompt, 12, adapter=NAMES[1]))
    await anext(steps)
    await steps.aclose()
    async with asyncio.timeout(PATIENCE):
        assert await other == plain_answer(plain[NAMES[1]], prompt, 12, loaded.stop_token_ids)


async def test_an_adapter_shares_prefixes_with_itself_only(loaded: Loaded, engine: Engine) -> None:
    ask = Ask(prompt=prompt_of(loaded, 60, words=30), max_new_tokens=2, adapter=NAMES[0])
    alone = Ask(prompt=ask.prompt, max_new_tokens=2)
    shared = [(await steps_of(engine, one))[-1].shared for one in (alone, ask, ask, alone, ask)]
    assert [tokens > 0 for tokens in shared[1:]] == [False, True, False, False]


async def test_a_choice_is_made_by_the_adapter_it_names(
    loaded: Loaded, engine: Engine, plain: dict[str | None, Any]
) -> None:
    prompt, labels = prompt_of(loaded, 70), [10, 20, 30]
    for name in (*NAMES, None):
        chances = await engine.choose(prompt, labels, adapter=name)
        expected = torch.softmax(next_logits(plain[name], prompt)[labels], dim=0)
        assert chances == pytest.approx(expected.tolist(), abs=1e-4)


async def test_vectors_are_of_the_model_alone_whatever_is_active(loaded: Loaded, engine: Engine) -> None:
    await answer_of(engine, prompt_of(loaded, 80), 2, adapter=None)
    before = await engine.embed([prompt_of(loaded, 80)])
    await answer_of(engine, prompt_of(loaded, 80), 2, adapter=NAMES[0])
    assert await engine.embed([prompt_of(loaded, 80)]) == before
    assert loaded.switch.active == NAMES[0]


def test_a_folder_without_an_adapter_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelNotUsable, match="no readable adapter_config"):
        load_tiny(tiny_model, adapters={"empty": tmp_path})


def test_an_adapter_of_another_kind_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"peft_type": "PREFIX_TUNING"}))
    with pytest.raises(ModelNotUsable, match="only LORA"):
        load_tiny(tiny_model, adapters={"prefix": tmp_path})


def test_an_adapter_kept_as_a_pickle_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA"}))
    (tmp_path / "adapter_model.bin").write_bytes(b"")
    with pytest.raises(ModelNotUsable, match="save it with safetensors"):
        load_tiny(tiny_model, adapters={"pickle": tmp_path})


def test_an_adapter_of_another_model_is_refused(tiny_model: Path, folders: dict[str, Path], tmp_path: Path) -> None:
    changed = json.loads((folders[NAMES[0]] / "adapter_config.json").read_text())
    (tmp_path / "adapter_config.json").write_text(json.dumps({**changed, "r": 3}))
    (tmp_path / "adapter_model.safetensors").write_bytes((folders[NAMES[0]] / "adapter_model.safetensors").read_bytes())
    with pytest.raises(ModelNotUsable, match="was it trained on it"):
        load_tiny(tiny_model, adapters={"other": tmp_path})
