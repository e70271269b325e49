"""A folder becomes a model that can run, or a sentence says why not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from serving import loading
from serving.loading import ModelNotUsable, ModelSpec, load
from serving.noise import CONTEXT, PADDING, VOCABULARY
from tests.unit.serving.engines import answer_of, load_tiny, next_logits, prompt_of, running

ONLY_WITHOUT_A_CARD = pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA card is here")


@pytest.fixture
def changed(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the model that a test may spoil."""
    folder = tmp_path / "spoiled"
    shutil.copytree(tiny_model, folder)
    return folder


def edit(file: Path, **changes: object) -> None:
    """Change a JSON file; None takes a key out."""
    document = {**json.loads(file.read_text()), **changes}
    file.write_text(json.dumps({key: value for key, value in document.items() if value is not None}))


def test_a_loaded_model_says_what_it_can(tiny_model: Path) -> None:
    loaded = load_tiny(tiny_model)
    assert loaded.name == tiny_model.name
    assert loaded.context == CONTEXT
    assert loaded.vocab_size == VOCABULARY + PADDING
    assert loaded.stop_token_ids == (loaded.tokenizer.eos_token_id,)
    assert (loaded.device, loaded.dtype) == (torch.device("cpu"), torch.float32)
    assert (loaded.attention, loaded.pooling, loaded.adapters) == ("packed", "mean", ())
    assert not loaded.model.training


def test_every_stop_token_of_the_model_and_the_tokenizer_counts(changed: Path) -> None:
    edit(changed / "generation_config.json", eos_token_id=[7, 9])
    loaded = load_tiny(changed)
    assert loaded.stop_token_ids == (7, 9, loaded.tokenizer.eos_token_id)


def test_weights_are_held_in_the_type_asked_for(tiny_model: Path) -> None:
    loaded = load_tiny(tiny_model, dtype="bfloat16")
    assert loaded.dtype == loaded.model.lm_head.weight.dtype == torch.bfloat16


@pytest.mark.parametrize("quantize", ["int8", "int4"])
async def test_a_quantized_model_answers_nearly_alike(tiny_model: Path, quantize: loading.Quantize) -> None:
    plain, small = load_tiny(tiny_model), load_tiny(tiny_model, quantize=quantize)
    assert type(small.model.model.layers[0].mlp.up_proj).__module__.startswith("bitsandbytes")
    prompt = prompt_of(plain, 1)
    before, after = next_logits(plain.model, prompt), next_logits(small.model, prompt)
    assert torch.nn.functional.cosine_similarity(before, after, dim=0) > 0.9
    assert not torch.equal(before, after)
    with running(small) as engine:
        assert len(await answer_of(engine, prompt, 6)) == 6


def test_a_quantized_model_is_not_quantized_again(changed: Path) -> None:
    edit(changed / "config.json", quantization_config={"quant_method": "fp8"})
    with pytest.raises(ModelNotUsable, match="quantized already"):
        load_tiny(changed, quantize="int8")


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"model": "/no/such/folder"}, "no config.json"),
        ({"model": "./no-such-folder"}, "no config.json"),
        ({"device": "gpu"}, "no device 'gpu'; use auto, cpu, cuda"),
        ({"dtype": "int3"}, "no type 'int3'; use auto, float32"),
        ({"quantize": "fp8", "device": "cpu"}, "fp8 needs a CUDA card"),
    ],
)
def test_what_cannot_be_loaded_is_refused_with_a_sentence(
    tiny_model: Path, spec: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ModelNotUsable, match=sentence):
        load(ModelSpec(**{"model": str(tiny_model), **spec}))  # type: ignore[arg-type]


@ONLY_WITHOUT_A_CARD
@pytest.mark.parametrize("device", ["cuda", "cuda:3"])
def test_a_card_that_is_not_there_is_named(tiny_model: Path, device: str) -> None:
    with pytest.raises(ModelNotUsable, match=f"{device} was asked for and torch sees 0 CUDA cards.*--device cpu"):
        load(ModelSpec(model=str(tiny_model), device=device))


def test_a_card_too_old_for_eight_bit_floats_is_told_from_one_that_can(monkeypatch: pytest.MonkeyPatch) -> None:
    """The card is torch's to describe; none is needed to refuse it."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: (8, 6))
    with pytest.raises(ModelNotUsable, match=r"capability 8\.9 or newer and this one has 8\.6"):
        loading._fp8(torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: (9, 0))
    assert loading._fp8(torch.device("cuda")).quant_method == "fp8"


def test_weights_kept_as_a_pickle_are_refused(changed: Path) -> None:
    (changed / "model.safetensors").unlink()
    torch.save({"weight": torch.zeros(1)}, changed / "pytorch_model.bin")
    with pytest.raises(ModelNotUsable, match="safetensors"):
        load_tiny(changed)


def test_a_model_that_never_stops_is_refused(changed: Path) -> None:
    edit(changed / "generation_config.json", eos_token_id=None)
    edit(changed / "config.json", eos_token_id=None)
    edit(changed / "tokenizer_config.json", eos_token=None)
    with pytest.raises(ModelNotUsable, match="no token that ends an answer"):
        load_tiny(changed)


def test_what_is_no_language_model_is_refused(changed: Path) -> None:
    edit(changed / "config.json", model_type="vit", architectures=["ViTModel"])
    with pytest.raises(ModelNotUsable, match="cannot be loaded"):
        load_tiny(changed)


def test_an_architecture_that_cannot_be_batched_is_refused_at_the_start(changed: Path) -> None:
    loaded = load_tiny(changed)
    loaded.model.config.layer_types = ["linear_attention"] * 2
    with pytest.raises(ModelNotUsable, match="cannot be batched"), running(loaded):
        pass
